/**
 * What a network computes, for every backend alike: operations, where each number is in memory,
 * losses and optimizers.
 */
package org.quern.plan;
