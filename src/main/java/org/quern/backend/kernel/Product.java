package org.quern.backend.kernel;

/**
 * A matrix product C = A·B within an arena, all row-major: A is [m × k], or [k × m] if transposed;
 * B [k × n], or [n × k] if transposed; C [m × n].
 *
 * @param what name for messages and tables, for instance {@code dense_forward}
 * @param arena where the operands lie
 * @param a offset of A in values
 * @param b offset of B
 * @param c offset of C
 */
public record Product(
        String what,
        Device.Buffer arena,
        int m,
        int n,
        int k,
        int a,
        boolean transposeA,
        int b,
        boolean transposeB,
        int c) {}
