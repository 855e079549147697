//! Clock, random numbers, environment: answered at once, without anything outside.
use super::{Context, Imported, Stop};
use crate::{Capability, capability::Refusal};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of random numbers in one call at most: the contract's own bound.
const RANDOM: u32 = 4096;

impl Context {
    /// `clock.now`
    pub(crate) fn now(&mut self) -> Imported<u64> {
        self.charge_cheap(0)?;
        if let Err(denied) = self.ask(&Capability::Clock) {
            return Ok(Err(denied));
        }
        let now = match &self.services.stage {
            Some(stage) => stage.now,
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Stop::Host("the machine's clock is before 1970"))?,
        };
        Ok(Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)))
    }

    /// `clock.elapsed`
    pub(crate) fn elapsed(&mut self) -> Imported<u64> {
        self.charge_cheap(0)?;
        Ok(self.ask(&Capability::Clock).map(|()| u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }

    /// `random.bytes`
    pub(crate) fn random(&mut self, length: u32) -> Imported<Vec<u8>> {
        if length > RANDOM {
            self.charge_cheap(0)?;
            return Ok(Err(Refusal::Settings(format!("at most {RANDOM} bytes of random numbers in one call, not {length}"))));
        }
        let mut bytes = vec![0; length as usize];
        self.charge_cheap(bytes.len())?;
        if let Err(denied) = self.ask(&Capability::Random) {
            return Ok(Err(denied));
        }
        match &self.services.stage {
            Some(stage) => bytes.fill(stage.random),
            None => aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Stop::Host("the machine gives no random numbers"))?,
        }
        Ok(Ok(bytes))
    }

    /// `environment.get`
    pub(crate) fn variable(&mut self, name: String) -> Imported<Option<String>> {
        let value = self.services.environment.get(&name).cloned();
        self.charge_cheap(name.len().saturating_add(value.as_ref().map_or(0, String::len)))?;
        Ok(self.ask(&Capability::Environment(name)).map(|()| value))
    }
}
