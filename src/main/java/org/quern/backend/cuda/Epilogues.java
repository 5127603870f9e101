package org.quern.backend.cuda;

/** When cublasLt's products with epilogues are taken, where there are such. */
public enum Epilogues {
    /** Where they measure faster. */
    MEASURED,
    /** Always: for tests and benchmarks. */
    ALWAYS,
    /** Never, as if there were none: for tests and benchmarks. */
    NEVER
}
