/* A java.exe that says what it was started with, for quern.cmd: its arguments and what the launcher sets. */
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        printf("<%s>", arguments[i]);
    }
    printf("\n%s\n", getenv("CUDA_DEVICE_MAX_CONNECTIONS"));
    return 7;
}
