/** Proofs: gradient checks, and every kernel against a float64 reference. */
package org.quern.verify;
