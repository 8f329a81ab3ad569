//! A library that is no plugin.

#[unsafe(no_mangle)]
pub extern "C" fn stranger() -> u32 {
    7
}
