"""Steps of the networks that Quern is measured at, in JAX: a whole epoch as one jitted scan.

    jax_mnist.py REPORT.jsonl [quick] [cpu] [NETWORK...]

NETWORK is one of NETS; all of them if none is named. On a GPU, or with "cpu" on the processor. Random
data of MNIST's shape. Products at JAX's default precision, which on a GPU may be TF32. Times are wall clock of epochs,
medians of rounds. Each is a line of JSON at the end of REPORT.jsonl as soon as it is measured. Exits with 1 if a network
does not work, or if JAX finds no GPU.
"""

import json
import statistics
import sys
import time

import jax
import jax.numpy as jnp

WORDS = sys.argv[2:]
QUICK = "quick" in WORDS
if "cpu" in WORDS:
    jax.config.update("jax_platforms", "cpu")
# Layers, where ReLU follows a hidden one, dropout after each of them, rows of a batch: bench's Workload.
NETS = {
    "tutorial": ([784, 48, 15, 10], [True, False], 0.3, 32),
    "wide": ([784, 800, 800, 10], [True, True], 0.5, 128),
    "flat": ([784, 1024, 10], [True], 0, 32),
    "tapered": ([784, 320, 160, 10], [True, True], 0, 64),
}
B1, B2, EPS, RATE = 0.9, 0.999, 1e-7, 1e-3


def run(name, steps, rounds):
    widths, relu, dropout, batch = NETS[name]
    key = jax.random.PRNGKey(1)
    images = jax.random.randint(key, (60000, 784), 0, 256).astype(jnp.uint8)
    labels = jax.random.randint(key, (60000,), 0, 10)
    order = jax.random.permutation(key, 60000)[: steps * batch].reshape(steps, batch)
    params = []
    for i in range(len(widths) - 1):
        key, k = jax.random.split(key)
        limit = (6 / (widths[i] + widths[i + 1])) ** 0.5
        params.append((jax.random.uniform(k, (widths[i], widths[i + 1]), minval=-limit, maxval=limit), jnp.zeros(widths[i + 1])))

    def loss(params, x, y, key):
        for i, (w, b) in enumerate(params):
            x = x @ w + b
            if i < len(params) - 1:
                x = jnp.maximum(x, 0) if relu[i] else x
                if dropout > 0:
                    key, k = jax.random.split(key)
                    x = jnp.where(jax.random.bernoulli(k, 1 - dropout, x.shape), x / (1 - dropout), 0)
        return -jnp.mean(jax.nn.log_softmax(x)[jnp.arange(x.shape[0]), y])

    def step(state, index, images, labels):
        params, m, v, t, key = state
        key, k = jax.random.split(key)
        value, grads = jax.value_and_grad(loss)(params, images[index].astype(jnp.float32) / 255, labels[index], k)
        t = t + 1
        rate = RATE * jnp.sqrt(1 - B2**t) / (1 - B1**t)
        m = jax.tree_util.tree_map(lambda m, g: m + (g - m) * (1 - B1), m, grads)
        v = jax.tree_util.tree_map(lambda v, g: v + (g * g - v) * (1 - B2), v, grads)
        params = jax.tree_util.tree_map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPS), params, m, v)
        return (params, m, v, t, key), value

    # the data as arguments: what a function closes over is compiled into it
    @jax.jit
    def epoch(state, order, images, labels):
        return jax.lax.scan(lambda state, index: step(state, index, images, labels), state, order)

    zeros = jax.tree_util.tree_map(jnp.zeros_like, params)
    state = (params, zeros, zeros, jnp.float32(0), key)
    started = time.perf_counter()
    state, _ = jax.block_until_ready(epoch(state, order, images, labels))
    compiled = time.perf_counter() - started
    micros = []
    for _ in range(rounds):
        started = time.perf_counter()
        state, _ = jax.block_until_ready(epoch(state, order, images, labels))
        micros.append((time.perf_counter() - started) * 1e6 / steps)
    return micros, compiled


def main():
    if "cpu" not in WORDS and jax.default_backend() != "gpu":
        print(f"JAX {jax.__version__} found no GPU: it would run on {jax.default_backend()}")
        return 1
    where = str(jax.devices()[0])
    print(f"JAX {jax.__version__} on {where}", flush=True)
    failed = 0
    for name in [name for name in NETS if name in WORDS] or list(NETS):
        result = {"what": "step", "by": "JAX", "version": jax.__version__, "device": where, "workload": name, "how": "scan"}
        try:
            micros, compiled = run(name, 50 if QUICK else 60000 // NETS[name][3], 3 if QUICK else 7)
            result.update(micros=statistics.median(micros), least=min(micros), most=max(micros), firstEpochSeconds=compiled)
            print(f"JAX scan {name}: {result['micros']:.2f} us a step, first epoch {compiled:.1f} s", flush=True)
        except Exception as e:  # one network that does not work must not hide the others
            failed += 1
            result["error"] = (str(e).splitlines() or [type(e).__name__])[0]
            print(f"JAX scan {name} failed: {e}", flush=True)
        with open(sys.argv[1], "ab", buffering=0) as report:
            report.write((json.dumps(result) + "\n").encode())
    return 1 if failed else 0


sys.exit(main())
