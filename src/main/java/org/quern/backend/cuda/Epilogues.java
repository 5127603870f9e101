package org.quern.backend.cuda;

/** When cublasLt's products with epilogues are taken, where there are such. */
enum Epilogues {
    /** Where they measure faster. */
    MEASURED,
    /** Always: for tests. */
    ALWAYS,
    /** Never: for tests, and as if there were none. */
    NEVER
}
