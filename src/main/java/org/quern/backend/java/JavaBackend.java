package org.quern.backend.java;

import java.util.Optional;
import org.quern.backend.Backend;
import org.quern.backend.Limits;
import org.quern.plan.Plan;

/**
 * Float32 in plain Java 17: no native code, nothing to install, one thread. Runs wherever Java
 * does.
 */
public final class JavaBackend implements Backend {
    @Override
    public String name() {
        return "java";
    }

    @Override
    public int priority() {
        return 50;
    }

    @Override
    public boolean onHost() {
        return true;
    }

    @Override
    public Availability availability() {
        return new Availability(
                true, "plain Java on " + System.getProperty("java.vm.name") + ", 1 thread");
    }

    @Override
    public JavaExecutor open(Plan plan, Options options) {
        options.checkNoDevice(name());
        return new JavaExecutor(plan);
    }

    @Override
    public Optional<Limits> limits(Options options) {
        options.checkNoDevice(name());
        return Optional.of(new JavaLimits());
    }
}
