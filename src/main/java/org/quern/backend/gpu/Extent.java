package org.quern.backend.gpu;

/**
 * What launches are made for.
 *
 * @param rows of the pass: launches that a library makes are for exactly so many
 * @param most rows that any pass of this kind has: our own launches are for up to so many
 * @param training whether the pass is one of training
 * @param alone whether the op runs by itself: what it takes is in the arena and nowhere else, and
 *     what it gives is wanted there
 */
record Extent(int rows, int most, boolean training, boolean alone) {}
