/**
 * Benchmarks of the machine at hand: kernels against what its devices can do at most, and training
 * steps by batch size. What is measured is checked first.
 */
package org.quern.bench;
