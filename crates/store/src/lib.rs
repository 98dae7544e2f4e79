//! A posterior bank on disk: safetensors shards, streamed while sampling, read by memory map
