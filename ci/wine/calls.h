/*
 * What is said between a JVM on Linux (forward.c) and quern.dll under Wine (host.c): a call is its place in this list and its
 * arguments, the answer its result and its arrays as they are then. Each has the same list and the same memory order, so
 * both are bytes as they lie in memory.
 *
 * C(class, name, result, arguments): I int, J long, Z boolean, D double, F float, S string, v nothing; arrays are b, f, i, l.
 */
#define CALLS(C)                                  \
    C(Native, abi, I, "")                         \
    C(Native, instructionSet, S, "I")             \
    C(Native, processors, I, "")                  \
    C(Native, open, J, "lI")                      \
    C(Native, close, v, "J")                      \
    C(Native, write, v, "JJfII")                  \
    C(Native, read, v, "JJfII")                   \
    C(Native, threads, I, "J")                    \
    C(Native, upload, J, "JbfI")                  \
    C(Native, targets, Z, "Jf")                   \
    C(Native, release, v, "J")                    \
    C(Native, train, v, "JJJJIfffi")              \
    C(Native, infer, v, "JJIIf")                  \
    C(Native, inferHost, Z, "JbfIf")              \
    C(Native, run, v, "JJIIIZJJJIIFFf")           \
    C(CpuLimits, open, J, "IJI")                  \
    C(CpuLimits, close, v, "J")                   \
    C(CpuLimits, copy, v, "JJI")                  \
    C(CpuLimits, multiplyAdd, D, "JJ")

enum { MOST_ARGUMENTS = 16, NO_ARRAY = -1 };

static inline int is_array(char type) { return type == 'b' || type == 'f' || type == 'i' || type == 'l'; }

static inline int width_of(char type) { return type == 'b' ? 1 : type == 'l' ? 8 : 4; }
