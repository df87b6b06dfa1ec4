# Each step of the gate, alone. `just` lists them.

_default:
    @just --list

# Everything that `.ci/run` checks.
ci:
    .ci/run

# All tests.
test:
    cargo test --workspace

# Format everything.
fmt:
    cargo fmt --all
    cd plugins && cargo fmt --all
    cd tests/guests && cargo fmt --all
    cd examples/plugins/api-key && cargo fmt --all

# Lints, as the gate takes them.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cd plugins && cargo clippy --all-targets -- -D warnings

# The benchmarks of the README, against nginx.
bench *scenario:
    cargo bench -p wasmgate --bench end_to_end -- {{scenario}} --against nginx

# Fuzz one target for a minute: framing, normalize_path, client_address, config_file,
# case_file, replay_line, request_decision, response_decision.
fuzz target:
    cd tests/fuzz && cargo +nightly fuzz run {{target}} -- -max_total_time=60
