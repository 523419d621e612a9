#!/bin/sh
# Limiter checks and admissions per second; see limit.c.
exec "${B:-build}/tests/bench/limit"
