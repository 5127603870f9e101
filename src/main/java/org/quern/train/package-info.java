/**
 * Training, prediction and evaluation of a network: {@link org.quern.train.Trainer}, {@link
 * org.quern.train.Predictor}, {@link org.quern.train.Evaluation}.
 */
package org.quern.train;
