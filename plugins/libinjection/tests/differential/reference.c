/*
 * Asks libinjection. Standard input: for each input its length, four bytes with
 * the lowest one first, and the input. Standard output: a line for each with the
 * answer and, if an argument says to ask more than once, the nanoseconds that each
 * of both functions takes.
 *
 *     cc -O2 reference.c -lmodsecurity -o reference
 *     export LIBINJECTION_REFERENCE=$PWD/reference
 *     cargo test --test differential -- --ignored
 *     cargo bench --bench calls
 *
 * Instead of libmodsecurity, libinjection_sqli.c, libinjection_xss.c and
 * libinjection_html5.c do as well. LIBINJECTION_SEED makes other inputs,
 * LIBINJECTION_TEXTS names a directory with YAML, such as the tests of the Core
 * Rule Set. LIBINJECTION_RECORD writes answers.txt anew.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int libinjection_sqli(const char *input, size_t length, char fingerprint[]);
int libinjection_xss(const char *input, size_t length);

static double nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 1;
    unsigned char size[4];

    while (fread(size, 1, 4, stdin) == 4) {
        size_t length = size[0] | size[1] << 8 | size[2] << 16 | (size_t)size[3] << 24;
        char fingerprint[16] = {0};
        int sqli = 0, xss = 0;
        /* libmodsecurity ends an input by NUL. The library reads beyond its end. */
        char *input = calloc(length + 64, 1);
        if (input == NULL || fread(input, 1, length, stdin) != length) {
            return 1;
        }
        double start = nanoseconds();
        for (int i = 0; i < times; i++) {
            sqli = libinjection_sqli(input, length, fingerprint);
        }
        double middle = nanoseconds();
        for (int i = 0; i < times; i++) {
            xss = libinjection_xss(input, length);
        }
        double end = nanoseconds();
        printf("%s %d", sqli ? fingerprint : "-", xss);
        if (times > 1) {
            printf(" %.0f %.0f", (middle - start) / times, (end - middle) / times);
        }
        printf("\n");
        free(input);
    }
    return 0;
}
