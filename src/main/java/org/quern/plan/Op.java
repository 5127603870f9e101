package org.quern.plan;

import java.util.List;
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

    /**
     * The layer that it belongs to, as a message names it, for instance {@code layer 0 (dense 48
     * relu)}.
     */
    String layer();

    /** What it computes, as a message names it, for instance {@code output}. */
    String what();

    /** What it writes. */
    List<Slice> outputs();

    /**
     * X[b,i] = (raw[r,i] · scale + shift) · keep[b,i], r the row of the data set at place b of the
     * pass: in training {@code Permutation.shuffled(n, seed, epoch, step's first place + b)}, in
     * inference first + b. In training also T[b] ← the row's target: its class index as a float, or
     * its regression targets.
     */
    record Gather(String layer, Slice x, Slice targets, float scale, float shift, Mask mask)
            implements Op {
        @Override
        public String what() {
            return "input";
        }

        @Override
        public List<Slice> outputs() {
            return List.of(x);
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
        public String what() {
            return "output";
        }

        @Override
        public List<Slice> outputs() {
            return z == null ? List.of(y) : List.of(z, y);
        }
    }

    /**
     * Softmax cross-entropy of logits Z [B × C] with class indices T [B × 1], stable: with M = maxⱼ
     * Z[b,j] and S = Σⱼ exp(Z[b,j] − M), L[b] = log S + M − Z[b,T], G[b,j] = (exp(Z[b,j] − M) / S −
     * [j = T]) / B, hits[b] = 1 if the first largest logit is at T, else 0.
     */
    record CrossEntropy(
            String layer, Slice logits, Slice targets, Slice gradient, Slice loss, Slice hits)
            implements Op {
        @Override
        public String what() {
            return "loss";
        }

        @Override
        public List<Slice> outputs() {
            return List.of(loss, gradient, hits);
        }
    }

    /**
     * Mean squared error of Y [B × C] to T [B × C]: L[b] = Σⱼ (Y − T)² / C, and the gradient before
     * the output's activation, G[b,j] = 2 (Y − T) / (B·C) · act′; hits[b] = 0. act′ is taken at Z
     * if {@code z} is not null, else from Y.
     */
    record SquaredError(
            String layer,
            Slice y,
            Slice z,
            Activation activation,
            Slice targets,
            Slice gradient,
            Slice loss,
            Slice hits)
            implements Op {
        @Override
        public String what() {
            return "loss";
        }

        @Override
        public List<Slice> outputs() {
            return List.of(loss, gradient, hits);
        }
    }

    /**
     * dX = (dY·Wᵀ) · keep · act′: the gradient before the activation of the layer below, whose
     * output X [B × I], value before activation Z (or null), activation and mask are given. dY [B ×
     * O], W [I × O]. With dropout, act′ of ReLU, tanh and sigmoid is taken at X / scale, the output
     * before dropout.
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
        public String what() {
            return "input gradient";
        }

        @Override
        public List<Slice> outputs() {
            return List.of(dx);
        }
    }

    /** dW = Xᵀ·dY, db[j] = Σ_b dY[b,j]. X [B × I], dY [B × O], dW [I × O], db [1 × O]. */
    record DenseBackwardWeights(String layer, Slice x, Slice dy, Slice dw, Slice db) implements Op {
        @Override
        public String what() {
            return "weight gradient";
        }

        @Override
        public List<Slice> outputs() {
            return List.of(dw, db);
        }
    }

    /**
     * {@link Optimizer.Adam} over all parameters W with gradients G and moments M, V, [1 × P] each.
     */
    record Adam(
            String layer, Slice parameters, Slice gradients, Slice m, Slice v, Optimizer.Adam form)
            implements Op {
        @Override
        public String what() {
            return "update";
        }

        @Override
        public List<Slice> outputs() {
            return List.of(parameters, m, v);
        }
    }

    /**
     * {@link Optimizer.Sgd} over all parameters W with gradients G and velocity U, [1 × P] each;
     * {@code velocity} is null without momentum.
     */
    record Sgd(String layer, Slice parameters, Slice gradients, Slice velocity, Optimizer.Sgd form)
            implements Op {
        @Override
        public String what() {
            return "update";
        }

        @Override
        public List<Slice> outputs() {
            return velocity == null ? List.of(parameters) : List.of(parameters, velocity);
        }
    }

    /**
     * The step's entry in the step log: Σ_b L[b] and Σ_b hits[b], summed in row order. Nobody waits
     * for it: the host reads the log when it looks.
     */
    record Metrics(String layer, Slice loss, Slice hits) implements Op {
        @Override
        public String what() {
            return "metrics";
        }

        @Override
        public List<Slice> outputs() {
            return List.of();
        }
    }
}
