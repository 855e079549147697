//! What the tests of Azure and Google Cloud share: an operator that finds the played cloud by its options alone.
use integration::{Running, Scene};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What an operator finds around it.
#[derive(Default)]
pub struct Around {
    /// The cloud's origins, and where they are played.
    pub origins: Vec<(String, String)>,
    pub variables: Vec<(&'static str, String)>,
    pub mounts: Vec<(&'static str, PathBuf)>,
}

/// Starts an operator that trusts the scene's server.
pub async fn start(scene: &Scene, around: Around) -> Running {
    let url = scene.infisical.url();
    scene
        .start_with(|options| {
            options.host_api = Some(url);
            options.plugins.dev_origins = around.origins;
            options.plugins.environment = around.variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            options.plugins.mounts = around.mounts.into_iter().map(|(name, folder)| (name.to_owned(), folder)).collect();
        })
        .await
}

/// A folder of the test with one file.
pub fn mount(scene: &Scene, name: &str, file: &str, content: &str) -> PathBuf {
    let folder = scene.folder().join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(file), content).unwrap();
    folder
}

/// A path as text.
pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Makes the place that samples read, with what `dev` has.
pub fn sample_place(scene: &Scene) {
    let place = infisical_dev_server::Place::new("shop", "prod", "/app");
    let server = scene.infisical.state();
    server.create_folder(&place).unwrap();
    for (key, value) in super::GOOD {
        server.set_secret(&place, key, value).unwrap();
    }
}
