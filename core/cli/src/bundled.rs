//! Links the shipped plugins into the binary; see the feature `bundled`.
//!
//! Naming a crate here is what makes the linker keep its registrations.

use llmbench_plugin_amdgpu as _;
use llmbench_plugin_consistency as _;
use llmbench_plugin_context_window as _;
use llmbench_plugin_embedded as _;
use llmbench_plugin_nvidia_smi as _;
use llmbench_plugin_nvml as _;
use llmbench_plugin_ollama as _;
use llmbench_plugin_openai as _;
use llmbench_plugin_refactoring as _;
use llmbench_plugin_system as _;
use llmbench_plugin_throughput as _;
use llmbench_plugin_ts_ast as _;
use llmbench_plugin_tsc as _;
use llmbench_plugin_vitest as _;
