package org.quern.plan;

import static org.quern.QuernException.copied;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.quern.model.Activation;

/**
 * One kernel's work: the contract that every backend implements. Operands are {@link Slice}s of the
 * plan's arena; all matrices are row-major float32. A pass uses the first {@code rows} rows of the
 * activations, {@code rows ≤ batch}; rows beyond are neither read nor written. Every op is a pure
 * function of its inputs, the seed and the step, its reductions in a fixed order: no float atomics.
 *
 * <p>Notation: B rows of the pass, I inputs, O outputs of a layer; act′ the derivative of the
 * activation; keep[b,j] = 1 / (1 − rate) where dropout keeps position b·columns + j, else 0 (in
 * inference, and without dropout, 1).
 */
public sealed interface Op {

    /** The layer that it belongs to, as messages name it: {@code layer 0 (dense 48 relu)}. */
    String layer();

    default Mask mask() {
        return Mask.NONE;
    }

    /**
     * What is to be known of an op without knowing which.
     *
     * @param what it computes, as a message names it, for instance {@code output}
     * @param shape behind the rows of a pass, and its form, for instance {@code x784x48 relu}
     * @param weights of a product, the operand that has no row for each row of the pass, else null
     * @param flops for each row of a pass, beside the product's; each elementary function as one
     */
    record Traits(
            String what,
            String shape,
            Slice weights,
            List<Slice> inputs,
            List<Slice> outputs,
            double flops) {}

    Traits traits();

    /** What it computes, as a message names it. */
    default String what() {
        return traits().what;
    }

    default List<Slice> inputs() {
        return traits().inputs;
    }

    default List<Slice> outputs() {
        return traits().outputs;
    }

    /** Whether it is a matrix product, whose work grows faster than its operands. */
    default boolean isProduct() {
        return traits().weights != null;
    }

    /** What it is called in a list of kernels, with its sizes in a pass of some rows. */
    default String name(int rows) {
        return getClass().getSimpleName() + " " + rows + traits().shape;
    }

    /** Floating-point operations in a pass of some rows, a multiply-add counted as two. */
    default double flops(int rows) {
        Slice weights = traits().weights;
        double product = weights == null ? 0 : 2.0 * weights.size();
        return rows * (product + traits().flops);
    }

    /**
     * Those of some operands of it as far as a pass of some rows goes.
     *
     * @hidden
     */
    default List<Slice> first(int rows, List<Slice> operands) {
        Slice weights = traits().weights;
        return operands.stream()
                .map(one -> one.rows() == 1 || one.equals(weights) ? one : one.first(rows))
                .toList();
    }

    private static String shape(Slice matrix) {
        return "x" + matrix.rows() + "x" + matrix.columns();
    }

    private static List<Slice> some(Slice... slices) {
        return Arrays.stream(slices).filter(Objects::nonNull).toList();
    }

    /**
     * X[b,i] = (raw[r,i] · scale + shift) · keep[b,i], r the row of the data set at place b of the
     * pass: in training {@code Permutation.shuffled(n, seed, epoch, step's first place + b)}, in
     * inference first + b. In training also T[b] ← the row's target: its class index as a float, or
     * its regression targets.
     */
    record Gather(String layer, Slice x, Slice targets, float scale, float shift, Mask mask)
            implements Op {
        @Override
        public Traits traits() {
            int n = x.columns();
            return new Traits("input", "x" + n, null, List.of(), List.of(x), 2.0 * n);
        }
    }

    /**
     * Z = X·W + b; Y = act(Z) · keep. X [B × I], W [I × O], b [1 × O], Y [B × O]; Z is written only
     * if {@code z} is not null (activations whose derivative needs it).
     */
    record DenseForward(
            String layer,
            Slice x,
            Slice weights,
            Slice bias,
            Slice z,
            Slice y,
            Activation activation,
            Mask mask)
            implements Op {
        @Override
        public Traits traits() {
            String shape = shape(weights) + " " + activation.text();
            List<Slice> in = List.of(x, weights, bias);
            return new Traits("output", shape, weights, in, some(z, y), 3.0 * y.columns());
        }
    }

    /**
     * Softmax cross-entropy of logits Z [B × C] with class indices T [B × 1], stable: with M = maxⱼ
     * Z[b,j] and S = Σⱼ exp(Z[b,j] − M), L[b] = log S + M − Z[b,T], G[b,j] = (exp(Z[b,j] − M) / S −
     * [j = T]) / B, hits[b] = 1 if the first largest logit is at T, else 0. With weights, targets
     * are [B × 2], a class index and its weight, which L and G are multiplied by.
     */
    record CrossEntropy(
            String layer, Slice logits, Slice targets, Slice gradient, Slice loss, Slice hits)
            implements Op {
        @Override
        public Traits traits() {
            int n = logits.columns();
            List<Slice> in = List.of(logits, targets);
            String shape = "x" + n + (targets.columns() > 1 ? " weighted" : "");
            return new Traits("loss", shape, null, in, List.of(loss, gradient, hits), 6.0 * n);
        }
    }

    /**
     * A {@link Loss} ρ of Y [B × C] to T [B × C]: L[b] = Σⱼ ρ(Y, T) / C, and the gradient before
     * the output's activation, G[b,j] = ρ′(Y, T) / (B·C) · act′; hits[b] counts the j that are
     * {@link Loss#hits decided rightly}. act′ is taken at Z if {@code z} is not null, else from Y.
     */
    record ElementwiseLoss(
            String layer,
            Loss form,
            Slice y,
            Slice z,
            Activation activation,
            Slice targets,
            Slice gradient,
            Slice loss,
            Slice hits)
            implements Op {
        @Override
        public Traits traits() {
            int n = y.columns();
            String shape = "x" + n + " " + activation.text();
            List<Slice> out = List.of(loss, gradient, hits);
            return new Traits("loss", shape, null, some(y, targets, z), out, 6.0 * n);
        }

        @Override
        public String name(int rows) {
            return form.caseName() + " " + rows + traits().shape;
        }
    }

    /**
     * dX = (dY·Wᵀ) · keep · act′: the gradient before the activation of the layer below, whose
     * output X [B × I], value before activation Z (or null), activation and mask are given. dY [B ×
     * O], W [I × O]. With dropout, an act′ that is a function of the output is taken at X / scale,
     * the output before dropout.
     */
    record DenseBackwardInput(
            String layer,
            Slice dy,
            Slice weights,
            Slice x,
            Slice z,
            Slice dx,
            Activation activation,
            Mask mask)
            implements Op {
        @Override
        public Traits traits() {
            String shape = shape(weights) + " " + activation.text();
            List<Slice> in = some(dy, x, z, weights);
            double flops = 3.0 * dx.columns();
            return new Traits("input gradient", shape, weights, in, List.of(dx), flops);
        }
    }

    /** dW = Xᵀ·dY, db[j] = Σ_b dY[b,j]. X [B × I], dY [B × O], dW [I × O], db [1 × O]. */
    record DenseBackwardWeights(String layer, Slice x, Slice dy, Slice dw, Slice db) implements Op {
        @Override
        public Traits traits() {
            List<Slice> in = List.of(x, dy);
            List<Slice> out = List.of(dw, db);
            return new Traits("weight gradient", shape(dw), dw, in, out, dy.columns());
        }
    }

    /** An {@link Optimizer}'s step over parameters, gradients and moments, [1 × P] each. */
    record Update(
            String layer, Slice parameters, Slice gradients, List<Slice> moments, Optimizer form)
            implements Op {
        public Update {
            moments = copied(moments, "moments");
        }

        @Override
        public Traits traits() {
            List<Slice> in = new ArrayList<>(List.of(parameters, gradients));
            in.addAll(moments);
            List<Slice> out = in.stream().filter(one -> !one.equals(gradients)).toList();
            return new Traits("update", "", null, in, out, 0);
        }

        @Override
        public String name(int rows) {
            return form.caseName(parameters.columns());
        }

        @Override
        public double flops(int rows) {
            return form.kind().flops * parameters.columns();
        }
    }

    /**
     * The step's entry in the step log: Σ_b L[b] and Σ_b hits[b], summed in row order. Nobody waits
     * for it: the host reads the log when it looks.
     */
    record Metrics(String layer, Slice loss, Slice hits) implements Op {
        @Override
        public Traits traits() {
            return new Traits("metrics", "", null, List.of(loss, hits), List.of(), 2);
        }
    }
}
