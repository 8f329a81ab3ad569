//! What a report and a comparison compute, at the sizes of real runs:
//!
//! ```console
//! $ cargo bench -p llmbench-report
//! ```
//!
//! Reading and writing of large runs: the example `make_large_run`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use llmbench_report::stats::{
    Random, clustered_mean, describe, mann_whitney, sign_flip, t_interval,
};

fn values(n: usize) -> Vec<f64> {
    let mut random = Random::new(n as u64);
    (0..n).map(|_| 5.0 + random.normal()).collect()
}

fn one_group(c: &mut Criterion) {
    let mut group = c.benchmark_group("figures of one group");
    for n in [10, 1000, 100_000] {
        let values = values(n);
        group.bench_with_input(BenchmarkId::new("describe", n), &values, |b, values| {
            b.iter(|| describe(black_box(values)));
        });
    }
    let ten = values(10);
    group.bench_function("t interval of 10", |b| b.iter(|| t_interval(black_box(&ten))));
    let clusters: Vec<_> = (0..50).map(|_| values(10)).collect();
    group.bench_function("mean of 50 fixtures of 10 runs", |b| {
        b.iter(|| clustered_mean(black_box(&clusters)));
    });
    group.finish();
}

fn comparison(c: &mut Criterion) {
    let mut group = c.benchmark_group("tests of a comparison");
    // Exact up to some size, an approximation above.
    for n in [8, 16, 200] {
        let (base, other) = (values(n), values(n + 1));
        let differences: Vec<_> = base.iter().zip(&other).map(|(a, b)| a - b).collect();
        group.bench_with_input(BenchmarkId::new("sign flip", n), &differences, |b, values| {
            b.iter(|| sign_flip(black_box(values)));
        });
        group.bench_with_input(BenchmarkId::new("Mann-Whitney", n), &(base, other), |b, two| {
            b.iter(|| mann_whitney(black_box(&two.0), black_box(&two.1)));
        });
    }
    group.finish();
}

criterion_group!(benches, one_group, comparison);
criterion_main!(benches);
