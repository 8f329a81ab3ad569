//! llmbench plugin: nvidia-smi.
