//! Keys for containers: the agent of an ECS task (`/v2/credentials/ID`) and the EKS pod identity agent (`/v1/credentials`).
//!
//! ECS asks for nothing but the id, which only the task knows. EKS asks for the pod's own token, which must be signed by an
//! issuer that the account trusts, be meant for `pods.eks.amazonaws.com`, and be of a service account with a role.
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Asked, Services, keys, sts};

/// The audience of a pod's token for the agent.
const AUDIENCE: &str = "pods.eks.amazonaws.com";

pub(super) async fn answer(services: &Services, asked: &Asked) -> Response {
    if asked.method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = asked.uri.path();
    let refused = |code: &str, message: &str| {
        (StatusCode::BAD_REQUEST, axum::Json(json!({ "code": code, "message": message, "HttpErrorCode": 400 }))).into_response()
    };
    if let Some(id) = path.strip_prefix("/v2/credentials/") {
        let Some(role) = services.read(|account| account.tasks.get(id).cloned()) else {
            return refused("InvalidIdInRequest", "CredentialsV2Request: Credentials not found");
        };
        let now = services.now();
        let (arn, key) = services.change(|account| (account.role_arn(&role), account.assume(&role, id, now)));
        return keys(&key, json!({ "RoleArn": arn }));
    }
    if path != "/v1/credentials" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(token) = asked.header("authorization") else {
        return refused("MissingToken", "Service account token cannot be empty");
    };
    let claims = match sts::web_identity(services, token, Some(AUDIENCE)).await {
        Ok(identity) => identity,
        Err(refusal) => return refused(refusal.code, &refusal.message),
    };
    let Some(role) = services.read(|account| account.associations.get(&claims.subject).cloned()) else {
        return refused("AccessDeniedException", "no pod identity association for this service account");
    };
    let now = services.now();
    let key = services.change(|account| account.assume(&role, "eks-pod", now));
    keys(&key, json!({ "AccountId": services.read(|account| account.id.clone()) }))
}
