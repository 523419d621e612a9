#!/bin/sh
# What the machine can do at most.
"${B:-build}/tests/bench/fma"
