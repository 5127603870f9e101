/**
 * All that the command line does, for programs: {@link org.quern.run.Training} from rows to a
 * tested model, {@link org.quern.run.RowPredictor} from rows to answers, settings, run folders and
 * sweeps.
 */
package org.quern.run;
