/* On AMD's processors MKL, and so PyTorch's matrix products, keep to AVX2 even where there is AVX-512, unless these functions of its own, which
   ask whether the processor is Intel's, say yes. Loaded before MKL (LD_PRELOAD), this replaces them. It is no setting of MKL's or of
   PyTorch's: `cargo xtask bench --mkl-on-amd` measures what peers could do, not what they do. */
int mkl_serv_intel_cpu(void) { return 1; }
int mkl_serv_intel_cpu_true(void) { return 1; }
