/*
 * Asks libinjection. Standard input: for each input its length, four bytes with
 * the lowest one first, and the input. Standard output: a line for each.
 *
 *     cc -O2 reference.c -lmodsecurity -o reference
 *     LIBINJECTION_REFERENCE=$PWD/reference cargo test --test differential -- --ignored
 *
 * Instead of libmodsecurity, libinjection_sqli.c, libinjection_xss.c and
 * libinjection_html5.c do as well. LIBINJECTION_SEED makes other inputs,
 * LIBINJECTION_TEXTS names a directory with YAML, such as the tests of the Core
 * Rule Set. LIBINJECTION_RECORD writes answers.txt anew.
 */
#include <stdio.h>
#include <stdlib.h>

int libinjection_sqli(const char *input, size_t length, char fingerprint[]);
int libinjection_xss(const char *input, size_t length);

int main(void)
{
    unsigned char size[4];

    while (fread(size, 1, 4, stdin) == 4) {
        size_t length = size[0] | size[1] << 8 | size[2] << 16 | (size_t)size[3] << 24;
        char fingerprint[16] = {0};
        /* libmodsecurity ends an input by NUL. The library reads beyond its end. */
        char *input = calloc(length + 64, 1);
        if (input == NULL || fread(input, 1, length, stdin) != length) {
            return 1;
        }
        int sqli = libinjection_sqli(input, length, fingerprint);
        int xss = libinjection_xss(input, length);
        printf("%s %d\n", sqli ? fingerprint : "-", xss);
        free(input);
    }
    return 0;
}
