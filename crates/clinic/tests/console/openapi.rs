//! `docs/openapi.json` against the router: every route is in it, no other is, and answers have the fields that it says.

use crate::access::{emergency, fill};
use crate::asking::Asking;
use crate::house::Wish;
use bodywire_clinic::web::{Method, routes};
use serde_json::Value;
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");
/// The description itself.
const ITSELF: (&str, &str) = ("get", "/api/v1/openapi.json");

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Method, path and what is said of each operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let of_method =
            |(method, operation): (&String, &Value)| (method.clone(), path.clone(), operation.clone());
        item.as_object().unwrap().iter().map(of_method).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// Follows a reference, if it is one.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            document.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference}"))
        }
        None => value,
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let method = |method: Method| match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
    };
    let mut served: BTreeSet<(String, String)> =
        routes().map(|(asked, path)| (method(asked).to_owned(), path)).collect();
    served.insert((ITSELF.0.to_owned(), ITSELF.1.to_owned()));
    let described: BTreeSet<(String, String)> =
        operations(&document()).into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(described, served);
}

#[test]
fn operations_say_who_may_ask_and_with_what() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}: an id twice");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("401"), "{place}: nothing is given without a session");
        let parameters: Vec<(&str, &str)> = operation["parameters"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|parameter| resolved(&document, parameter))
            .map(|parameter| (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap()))
            .collect();
        let wanted: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let named: BTreeSet<&str> =
            parameters.iter().filter(|(place, _)| *place == "path").map(|(_, name)| *name).collect();
        assert_eq!(named, wanted, "{place}");
        let csrf = parameters.contains(&("header", "x-bodywire-csrf"));
        assert_eq!(csrf, method != "get", "{place}: what does something carries the token");
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
}

/// Compares an answer with a schema: no field that is not described, and all that are required.
fn compare(document: &Value, schema: &Value, value: &Value, place: &str) {
    let schema = resolved(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        // Null, or the other one; choices between objects are not looked into.
        let other = choices.iter().find(|choice| choice["type"] != "null");
        if choices.len() == 2 && choices.iter().any(|choice| choice["type"] == "null") && !value.is_null() {
            compare(document, other.unwrap(), value, place);
        }
        return;
    }
    if let Some(known) = schema["enum"].as_array() {
        assert!(known.contains(value), "{place}: {value}");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let fits = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    assert!(types.iter().any(fits), "{place}: {value} is none of {types:?}");
    if let (Some(values), false) = (value.as_array(), schema["items"].is_null()) {
        values.iter().for_each(|value| compare(document, &schema["items"], value, &format!("{place}[]")));
    }
    let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) else {
        return;
    };
    for name in schema["required"].as_array().map(Vec::as_slice).unwrap_or_default() {
        assert!(fields.contains_key(name.as_str().unwrap()), "{place}: no {name} in {value}");
    }
    for (name, value) in fields {
        let property = properties.get(name).unwrap_or_else(|| panic!("{place}: {name} is not described"));
        compare(document, property, value, &format!("{place}.{name}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_fields_that_are_described() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    emergency(&asking.board);
    asking.log_in_with_access().await;
    let document = document();
    let granted = asking.ask(Wish::GLASS).await;
    let granted: Value = serde_json::from_str(&crate::asking::text(granted).await).unwrap();
    compare(&document, &document["components"]["schemas"]["Granted"], &granted, "POST /access");
    asking.house.gate.tick().await;
    for path in [
        "/session",
        "/ward",
        "/access",
        "/devices",
        "/reviews",
        "/audit",
        "/beds/1/trends",
        "/beds/1/evidence",
    ] {
        let path = format!("/api/v1{path}");
        let template = path.replace("/1/", "/{bed}/");
        let schema =
            &document["paths"][&template]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{template}");
        let answer = asking.get(&path).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let value: Value = serde_json::from_str(&crate::asking::text(answer).await).unwrap();
        compare(&document, schema, &value, &path);
    }
}
