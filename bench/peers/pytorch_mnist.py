"""The tutorial's network and a wide one in PyTorch: eager, as a CUDA graph, and with torch.compile.

    pytorch_mnist.py OUT.json [quick] [cpu]

On a GPU, or with "cpu" on the processor, where there is no CUDA graph. Random data of MNIST's shape on the device; a step is: gather the batch by a permutation made beforehand, forward, loss,
backward, Adam. Times are wall clock over many steps between two synchronisations; medians of rounds.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

QUICK = "quick" in sys.argv[2:]
CPU = "cpu" in sys.argv[2:]
NETS = {
    "tutorial": ([784, 48, 15, 10], [True, False], 0.3, 32),
    "wide": ([784, 800, 800, 10], [True, True], 0.5, 128),
}


def network(name, device):
    widths, relu, dropout, _ = NETS[name]
    layers = []
    for i in range(len(widths) - 1):
        layers.append(torch.nn.Linear(widths[i], widths[i + 1]))
        if i < len(widths) - 2:
            if relu[i]:
                layers.append(torch.nn.ReLU())
            layers.append(torch.nn.Dropout(dropout))
    return torch.nn.Sequential(*layers).to(device)


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(step, device, count, rounds):
    for i in range(max(20, count // 10)):
        step(i)
    wait(device)
    micros = []
    for _ in range(rounds):
        started = time.perf_counter()
        for i in range(count):
            step(i)
        wait(device)
        micros.append((time.perf_counter() - started) * 1e6 / count)
    return statistics.median(micros)


def run(name, how, device, count, rounds):
    torch.manual_seed(1)
    batch = NETS[name][3]
    images = torch.randint(0, 256, (60000, 784), dtype=torch.uint8, device=device)
    labels = torch.randint(0, 10, (60000,), device=device)
    order = torch.randperm(60000, device=device)
    net = network(name, device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True, capturable=how == "graph")
    index = torch.zeros(batch, dtype=torch.long, device=device)

    def work():
        x = images[index].float() / 255
        loss = F.cross_entropy(net(x), labels[index])
        optimizer.zero_grad(set_to_none=how != "graph")
        loss.backward()
        optimizer.step()
        return loss

    body = torch.compile(work) if how == "compile" else work
    if how == "graph":
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                work()
        torch.cuda.synchronize(device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
        body = graph.replay

    steps = 60000 // batch

    def step(i):
        at = i % steps * batch
        index.copy_(order[at : at + batch])
        body()

    return measure(step, device, count, rounds)


def main():
    device = torch.device("cpu" if CPU else "cuda")
    name = f"cpu, {torch.get_num_threads()} threads" if CPU else torch.cuda.get_device_name(device)
    result = {"torch": torch.__version__, "device": name, "steps": []}
    for name in NETS:
        for how in ("eager", "compile") if CPU else ("eager", "graph", "compile"):
            try:
                micros = run(name, how, device, 50 if QUICK else 1875, 3 if QUICK else 7)
                result["steps"].append({"workload": name, "how": how, "micros": micros})
                print(f"torch {how:8} {name:9} {micros:10.2f} us a step", flush=True)
            except Exception as e:  # one form that does not work must not hide the others
                result["steps"].append({"workload": name, "how": how, "error": str(e).splitlines()[:1]})
                print(f"torch {how:8} {name:9} failed: {e}", flush=True)
    with open(sys.argv[1], "w") as out:
        json.dump(result, out, indent=2)


main()
