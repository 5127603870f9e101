/* The largest errors of mathf.h over its ranges, every 64th float, against float64: see bench/METHOD.md. */
#include <math.h>
#include <stdio.h>

#include "../../native/mathf.h"

static double ulps(float got, double exact) {
    float rounded = (float)exact;
    float next = nextafterf(fabsf(rounded), INFINITY);
    return fabs(got - exact) / (next - fabsf(rounded));
}

static int32_t bits_of(float f) {
    int32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

typedef float (*Function)(float);
typedef double (*Exact)(double);

static float exp_1(float x) { return exp_f(x); }
static float tanh_1(float x) { return tanh_f(x); }
static float sigmoid_1(float x) { return sigmoid_f(x); }
static float log1p_1(float x) { return log1p_f(x); }
static float log_1(float x) { return log_f(x); }
static float gelu_1(float x) { return gelu_f(x); }
static double sigmoid_exact(double x) { return 1 / (1 + exp(-x)); }
static double gelu_exact(double x) { return 0.5 * x * erfc(-x / sqrt(2)); }

static void measure(const char *name, Function f, Exact exact, float low, float high) {
    double worst = 0;
    float at = 0;
    for (int sign = 0; sign < 2; sign++) {
        for (int32_t b = bits_of(0x1p-30f); b <= bits_of(16777216.0f); b += 61) {
            float x = bits_to_float(b);
            x = sign ? -x : x;
            if (x >= low && x <= high) {
                double error = ulps(f(x), exact(x));
                if (error > worst) {
                    worst = error;
                    at = x;
                }
            }
        }
    }
    printf("%-8s %6.1f ... %5.1f: %.2f ulp at %.9g\n", name, low, high, worst, at);
}

int main(void) {
    measure("exp", exp_1, exp, -87.3f, 88.7f);
    measure("tanh", tanh_1, tanh, -20, 20);
    measure("sigmoid", sigmoid_1, sigmoid_exact, -86, 86);
    measure("log1p", log1p_1, log1p, 0, 1);
    measure("log", log_1, log, 1, 16777215);
    measure("gelu", gelu_1, gelu_exact, -12, 30);
    return 0;
}
