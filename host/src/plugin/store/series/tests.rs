use super::*;

fn service(metrics: &Arc<Metrics>, series: u64) -> Service {
    Service::new(Arc::clone(metrics), &MetricsQuota { series })
}

fn definition(kind: Kind, name: &str, labels: &[&str]) -> Definition {
    Definition {
        name: name.to_owned(),
        help: "Something".to_owned(),
        kind,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        bounds: if kind == Kind::Histogram { vec![1.0, 10.0] } else { Vec::new() },
    }
}

fn labels(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn each_kind_counts_in_its_way() {
    let service = service(&Arc::default(), 100);
    let define = |kind, name| service.define(definition(kind, name, &["code"])).unwrap();
    let ok = || labels(&["200"]);

    let counter = define(Kind::Counter, "requests");
    service.add(&counter, ok(), 1.0).unwrap();
    service.add(&counter, ok(), 0.5).unwrap();
    assert_eq!(counter.read(), [(ok(), Reading::Number(1.5))]);
    assert_eq!(service.add(&counter, ok(), -1.0), Err(MetricError::Illegal));
    assert_eq!(service.set(&counter, ok(), 1.0), Err(MetricError::Conflict));

    let gauge = define(Kind::Gauge, "open");
    service.set(&gauge, ok(), 5.0).unwrap();
    service.add(&gauge, ok(), -2.0).unwrap();
    assert_eq!(gauge.read(), [(ok(), Reading::Number(3.0))]);
    assert_eq!(service.set(&gauge, ok(), f64::NAN), Err(MetricError::Illegal));

    let histogram = define(Kind::Histogram, "size");
    for value in [0.5, 1.0, 2.0, 100.0] {
        service.observe(&histogram, ok(), value).unwrap();
    }
    let buckets = vec![(1.0, 2), (10.0, 1), (f64::INFINITY, 1)];
    assert_eq!(histogram.read(), [(ok(), Reading::Histogram { sum: 103.5, buckets })]);
    assert_eq!(service.add(&histogram, ok(), 1.0), Err(MetricError::Conflict));
    assert_eq!(service.observe(&counter, ok(), 1.0), Err(MetricError::Conflict));
    assert_eq!(service.observe(&histogram, labels(&[]), 1.0), Err(MetricError::Unknown));
}

#[test]
fn the_same_definition_is_the_same_metric() {
    let service = service(&Arc::default(), 100);
    let define = |kind, labels| service.define(definition(kind, "requests", labels));
    let first = define(Kind::Counter, &[]).unwrap();
    assert!(Arc::ptr_eq(&first, &define(Kind::Counter, &[]).unwrap()));
    assert_eq!(define(Kind::Gauge, &[]).unwrap_err(), MetricError::Conflict);
    assert_eq!(define(Kind::Counter, &["code"]).unwrap_err(), MetricError::Conflict);
    assert_eq!(service.metrics().len(), 1);
}

#[test]
fn a_metric_survives_a_swap_unless_it_is_defined_otherwise() {
    let metrics = Arc::default();
    let old = service(&metrics, 2);
    let same = definition(Kind::Counter, "same", &[]);
    let counter = old.define(same.clone()).unwrap();
    old.define(definition(Kind::Counter, "other", &[])).unwrap();
    old.add(&counter, Vec::new(), 2.0).unwrap();

    let new = service(&metrics, 2);
    let counter = new.define(same).unwrap();
    let other = new.define(definition(Kind::Gauge, "other", &["code"])).unwrap();
    drop(old);
    assert_eq!(counter.read(), [(Vec::new(), Reading::Number(2.0))]);
    new.set(&other, labels(&["x"]), 1.0).unwrap();
    assert_eq!(new.metrics().len(), 2);
}

#[test]
fn the_cap_holds_and_what_it_drops_is_counted() {
    let metrics = Arc::default();
    let service = service(&metrics, 6);
    let counter = service.define(definition(Kind::Counter, "requests", &["path"])).unwrap();
    let histogram = service.define(definition(Kind::Histogram, "size", &["path"])).unwrap();
    for path in 0..1_000 {
        // Refused from the seventh on.
        let _ = service.add(&counter, labels(&[&path.to_string()]), 1.0);
    }
    assert_eq!(counter.read().len(), 6);
    assert_eq!(service.dropped(), 994);
    assert_eq!(service.add(&counter, labels(&["x"]), 1.0), Err(MetricError::Cardinality));
    assert_eq!(service.add(&counter, labels(&["5"]), 1.0), Ok(()), "what is there counts on");
    let refused = service.observe(&histogram, labels(&["5"]), 1.0);
    assert_eq!(refused, Err(MetricError::Cardinality));

    drop((service, counter, histogram));
    assert_eq!(metrics.usage.read(), (0, 0), "the room of a plugin that is gone");
}

#[test]
fn long_texts_are_cut_between_characters() {
    let service = service(&Arc::default(), 100);
    let mut gauge = definition(Kind::Gauge, "open", &["path"]);
    gauge.help = "ä".repeat(HELP_MAX);
    let gauge = service.define(gauge).unwrap();
    assert_eq!(gauge.definition.help.len(), HELP_MAX);
    service.set(&gauge, labels(&[&format!("a{}", "ä".repeat(VALUE_MAX))]), 1.0).unwrap();
    assert_eq!(gauge.read()[0].0[0].len(), VALUE_MAX - 1);
}

#[test]
fn no_addition_is_lost() {
    let service = service(&Arc::default(), 100);
    let counter = service.define(definition(Kind::Counter, "requests", &["n"])).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..4_000 {
                    service.add(&counter, labels(&[&(round % 4).to_string()]), 1.0).unwrap();
                }
            });
        }
    });
    assert!(counter.read().iter().all(|(_, reading)| *reading == Reading::Number(4_000.0)));
    assert_eq!(service.metrics.usage.read().1, 4);
}
