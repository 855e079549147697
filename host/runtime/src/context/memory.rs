//! Counts what a call allocates. The only place that can tell out of memory from a panic: a guest that was refused memory
//! mostly aborts with the same trap as one that panics, so a refusal is written down here.
use super::Meter;
use crate::Limits;
use std::sync::{Arc, atomic::Ordering};
use wasmtime::{ResourceLimiter, Result};

/// Core instances, tables and memories of one component, where the pool doesn't bound them anyway. Toolchains make a few;
/// each costs the host memory that no budget of the guest counts.
const INSTANCES: usize = 64;
const TABLES: usize = 64;
const MEMORIES: usize = 8;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// More bytes than the limit, of all memories together.
    Memory,
    /// More elements than the limit.
    Table,
}

/// All linear memories and tables of a store.
pub(crate) struct Memory {
    limit: usize,
    elements: usize,
    used: usize,
    meter: Arc<Meter>,
    refused: Option<Refused>,
}

impl Memory {
    pub(crate) fn new(limits: &Limits, meter: Arc<Meter>) -> Self {
        Self { limit: limits.memory, elements: limits.table_elements, used: 0, meter, refused: None }
    }

    /// What was refused first, if anything.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.refused.get_or_insert(Refused::Memory);
            return Ok(false);
        }
        self.used = used;
        self.meter.peak.fetch_max(used, Ordering::Relaxed);
        Ok(true)
    }

    /// Allowed here and then refused by the allocator: a slot of the pool is too small, or the machine has no memory left.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> Result<()> {
        self.refused.get_or_insert(Refused::Memory);
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        if desired > self.elements {
            self.refused.get_or_insert(Refused::Table);
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_against_one_limit() {
        let meter = Arc::<Meter>::default();
        let mut memory = Memory::new(&Limits { memory: 100, ..Limits::default() }, meter.clone());
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.memory_growing(0, 40, None).unwrap());
        assert_eq!(memory.refused(), None);
        assert!(!memory.memory_growing(40, 41, None).unwrap());
        assert_eq!(memory.refused(), Some(Refused::Memory));
        assert_eq!(meter.peak.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn a_table_has_a_limit_of_its_own() {
        let mut memory = Memory::new(&Limits { table_elements: 10, ..Limits::default() }, Arc::default());
        assert!(memory.table_growing(0, 10, None).unwrap());
        assert!(!memory.table_growing(10, 11, None).unwrap());
        assert_eq!(memory.refused(), Some(Refused::Table));
    }
}
