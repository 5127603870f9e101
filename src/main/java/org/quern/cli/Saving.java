package org.quern.cli;

import org.quern.run.RunFolder;
import org.quern.run.RunReport;
import org.quern.train.EpochResult;
import org.quern.train.Listener;
import org.quern.train.Trainer;

/** Keeps a run's folder up to date, epoch by epoch. */
final class Saving implements Listener {
    private final RunFolder folder;
    private final RunReport report;

    Saving(RunFolder folder, RunReport report) {
        this.folder = folder;
        this.report = report;
    }

    @Override
    public Verdict epochEnd(EpochResult result, boolean best, Trainer trainer) {
        folder.writeRun(report.epochs(trainer.checkpoint().epochs()).json());
        folder.save(trainer, best);
        return Verdict.GO_ON;
    }
}
