"""The tutorial's network and a wide one in JAX: a whole epoch as one jitted scan.

    jax_mnist.py OUT.json [quick] [cpu]

On the device that JAX takes, or with "cpu" on the processor. Random data of MNIST's shape.
"""

import json
import statistics
import sys
import time

import jax
import jax.numpy as jnp

QUICK = "quick" in sys.argv[2:]
if "cpu" in sys.argv[2:]:
    jax.config.update("jax_platforms", "cpu")
NETS = {
    "tutorial": ([784, 48, 15, 10], [True, False], 0.3, 32),
    "wide": ([784, 800, 800, 10], [True, True], 0.5, 128),
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
                key, k = jax.random.split(key)
                x = jnp.maximum(x, 0) if relu[i] else x
                x = jnp.where(jax.random.bernoulli(k, 1 - dropout, x.shape), x / (1 - dropout), 0)
        return -jnp.mean(jax.nn.log_softmax(x)[jnp.arange(x.shape[0]), y])

    def step(state, index):
        params, m, v, t, key = state
        key, k = jax.random.split(key)
        value, grads = jax.value_and_grad(loss)(params, images[index].astype(jnp.float32) / 255, labels[index], k)
        t = t + 1
        rate = RATE * jnp.sqrt(1 - B2**t) / (1 - B1**t)
        m = jax.tree_util.tree_map(lambda m, g: m + (g - m) * (1 - B1), m, grads)
        v = jax.tree_util.tree_map(lambda v, g: v + (g * g - v) * (1 - B2), v, grads)
        params = jax.tree_util.tree_map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPS), params, m, v)
        return (params, m, v, t, key), value

    epoch = jax.jit(lambda state: jax.lax.scan(step, state, order))
    zeros = jax.tree_util.tree_map(jnp.zeros_like, params)
    state = (params, zeros, zeros, jnp.float32(0), key)
    started = time.perf_counter()
    state, _ = jax.block_until_ready(epoch(state))
    compiled = time.perf_counter() - started
    micros = []
    for _ in range(rounds):
        started = time.perf_counter()
        state, _ = jax.block_until_ready(epoch(state))
        micros.append((time.perf_counter() - started) * 1e6 / steps)
    return statistics.median(micros), compiled


def main():
    result = {"jax": jax.__version__, "device": str(jax.devices()[0]), "steps": []}
    for name in NETS:
        steps = 50 if QUICK else 60000 // NETS[name][3]
        micros, compiled = run(name, steps, 3 if QUICK else 7)
        result["steps"].append({"workload": name, "how": "scan", "micros": micros, "firstEpochSeconds": compiled})
        print(f"jax scan {name:9} {micros:10.2f} us a step, first epoch {compiled:.1f} s", flush=True)
    with open(sys.argv[1], "w") as out:
        json.dump(result, out, indent=2)


main()
