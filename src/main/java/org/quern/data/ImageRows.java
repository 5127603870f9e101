package org.quern.data;

import java.util.List;

/**
 * Images read from files to be predicted.
 *
 * @param names of the files, a row each
 * @param rows the images as rows of pixels
 * @param reading what was guessed, scaled or not read; empty where there is nothing to tell
 */
public record ImageRows(List<String> names, Dataset rows, String reading) {}
