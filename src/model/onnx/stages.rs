//! The tensors worth looking at: the ends of a network's stages.
//!
//! A stage ends where all that follows depends on one tensor only ([`narrows`]): there no short cut leads past it. Of these
//! narrow places the last of each module is taken (modules are read from the names of nodes, or of weights where nodes have
//! none); without names, or with many modules, the last of each resolution and width; in a transformer, the second sum of each block.

use rustc_hash::{FxHashMap, FxHashSet};
use tract_onnx::pb::NodeProto;

use super::graph::{Graph, Kind};
use crate::model::card::{Layout, Stage};

/// More modules than this are thinned out to one a resolution.
const MANY: usize = 9;

/// A tensor that everything behind it passes through.
#[derive(Clone, Debug)]
struct Narrow {
    tensor: String,
    /// Place of its node.
    at: usize,
    dims: Vec<usize>,
    /// Height and width of `[N, C, H, W]` and `[N, H, W, C]`.
    places: Option<(usize, usize)>,
    /// Its modules from the outside in; the operator itself is not among them.
    scope: Vec<String>,
}

impl Graph {
    /// Stages that the graph itself shows, shallow to deep, ending in `pool` and `penultimate` where there are such.
    #[must_use]
    pub fn stages(&self, logits: Option<&str>) -> Vec<Stage> {
        let Some(end) = logits.map(str::to_owned).or_else(|| self.logits()).or_else(|| self.first_output()) else {
            return Vec::new();
        };
        let narrow = narrows(self, &end);
        let mut stages = transformer(self, &narrow);
        if stages.is_empty() {
            stages = modules(self, &narrow);
        }
        if stages.len() < 2 {
            stages = resolutions(self, &narrow);
        }
        let taken = |stages: &[Stage], tensor: &str| stages.iter().any(|stage| stage.tensor == tensor);
        let pool = pool(&narrow).map(|narrow| narrow.tensor.clone());
        if let Some(tensor) = pool.clone().filter(|tensor| !taken(&stages, tensor)) {
            stages.push(Stage { name: "pool".to_owned(), tensor });
        }
        let features = self.head(&end).map(|head| head.features);
        let same = |tensor: &String| pool.as_ref().is_some_and(|pool| same_values(self, tensor, pool));
        if let Some(tensor) = features.filter(|tensor| !taken(&stages, tensor) && !same(tensor)) {
            stages.push(Stage { name: "penultimate".to_owned(), tensor });
        }
        stages
    }

    fn first_output(&self) -> Option<String> {
        self.proto().output.first().map(|output| output.name.clone())
    }
}

/// Whether one of two tensors is the other in another shape.
fn same_values(graph: &Graph, a: &str, b: &str) -> bool {
    fn origin<'a>(graph: &'a Graph, mut name: &'a str) -> &'a str {
        while let Some(node) = graph.maker(name) {
            match node.op_type.as_str() {
                "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" | "Identity" | "Dropout" => name = &node.input[0],
                _ => break,
            }
        }
        name
    }
    origin(graph, a) == origin(graph, b)
}

/// The narrow places between the picture and `end`, in order.
fn narrows(graph: &Graph, end: &str) -> Vec<Narrow> {
    let nodes = graph.nodes();
    // Nodes that lead to the end ...
    let mut towards: FxHashSet<&str> = FxHashSet::from_iter([end]);
    let mut leads = vec![false; nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        if node.output.iter().any(|output| towards.contains(output.as_str())) {
            leads[at] = true;
            towards.extend(node.input.iter().map(String::as_str));
        }
    }
    // ... and carry the picture's values; sizes of tensors are not its values.
    let inputs = graph.inputs();
    let Some(input) = inputs.first() else { return Vec::new() };
    let mut carried: FxHashSet<&str> = FxHashSet::from_iter([input.name.as_str()]);
    let mut path = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let sizes = matches!(node.op_type.as_str(), "Shape" | "Size");
        if leads[at] && !sizes && node.input.iter().any(|input| carried.contains(input.as_str())) {
            carried.extend(node.output.iter().map(String::as_str).filter(|name| !name.is_empty()));
            path.push(at);
        }
    }
    let mut readers: FxHashMap<&str, usize> = FxHashMap::default();
    for &at in &path {
        for input in distinct(&nodes[at]) {
            *readers.entry(input).or_default() += 1;
        }
    }
    let mut open: FxHashSet<&str> = FxHashSet::from_iter([input.name.as_str()]);
    let mut scopes = Scopes::new(graph);
    let mut found = Vec::new();
    for &at in &path {
        let node = &nodes[at];
        for input in distinct(node) {
            if let Some(left) = readers.get_mut(input) {
                *left -= 1;
                if *left == 0 {
                    open.remove(input);
                }
            }
        }
        open.extend(node.output.iter().map(String::as_str).filter(|name| readers.contains_key(name)));
        let scope = scopes.of(node);
        let output = node.output[0].as_str();
        if (open.len() == 1 && open.contains(output)) || output == end {
            let Some(shape) = graph.shapes().get(output) else { continue };
            if matches!(shape.kind, Kind::F32 | Kind::F16 | Kind::F64 | Kind::Other) {
                let dims = shape.dims.clone();
                let places = (dims.len() == 4).then(|| match graph.layout(output) {
                    Layout::Nchw => (dims[2], dims[3]),
                    Layout::Nhwc => (dims[1], dims[2]),
                });
                found.push(Narrow { tensor: output.to_owned(), at, dims, places, scope });
            }
        }
    }
    found
}

fn distinct(node: &NodeProto) -> FxHashSet<&str> {
    node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect()
}

/// Reads the module of a node: from its name as torch's exporter writes it (`/layer1/layer1.0/relu/Relu`), or from the
/// names of its weights (`layer1.0.conv1.weight`), or from the node before.
struct Scopes<'a> {
    graph: &'a Graph,
    last: Vec<String>,
    named: bool,
}

impl<'a> Scopes<'a> {
    fn new(graph: &'a Graph) -> Self {
        let named = graph.nodes().iter().any(|node| node.name.starts_with('/') && node.name[1..].contains('/'));
        Self { graph, last: Vec::new(), named }
    }

    fn of(&mut self, node: &NodeProto) -> Vec<String> {
        if self.named {
            let mut parts: Vec<String> =
                node.name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            parts.pop();
            return parts;
        }
        let weight = |name: &&String| {
            let stem = name.strip_suffix(".weight")?;
            self.graph.stored(name).map(|_| stem.split('.').map(str::to_owned).collect::<Vec<_>>())
        };
        if let Some(parts) = node.input.iter().find_map(|name| weight(&name)) {
            // `features.3` is one module of `features`, not `3` of anything.
            self.last = parts
                .iter()
                .enumerate()
                .map(
                    |(at, part)| {
                        if at > 0 && is_number(part) { format!("{}.{part}", parts[at - 1]) } else { part.clone() }
                    },
                )
                .collect();
        }
        self.last.clone()
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Two sums a block, the first behind attention.
fn transformer(graph: &Graph, narrow: &[Narrow]) -> Vec<Stage> {
    let sums: Vec<&Narrow> = narrow
        .iter()
        .filter(|narrow| narrow.dims.len() == 3 && matches!(graph.nodes()[narrow.at].op_type.as_str(), "Add" | "Sum"))
        .collect();
    let attends = |from: usize, to: usize| {
        let attention =
            |node: &NodeProto| matches!(node.op_type.as_str(), "Softmax" | "Attention" | "MultiHeadAttention");
        graph.nodes()[from..to].iter().any(attention)
    };
    let mut stages = Vec::new();
    for (at, pair) in sums.windows(2).enumerate() {
        let before = if at == 0 { 0 } else { sums[at - 1].at };
        if attends(before, pair[0].at) && !attends(pair[0].at, pair[1].at) {
            if stages.is_empty()
                && let Some(stem) = narrow.iter().rfind(|narrow| narrow.at < pair[0].at && narrow.dims.len() == 3)
            {
                stages.push(Stage { name: "stem".to_owned(), tensor: stem.tensor.clone() });
            }
            let number = stages.iter().filter(|stage: &&Stage| stage.name != "stem").count() + 1;
            stages.push(Stage { name: format!("block{number}"), tensor: pair[1].tensor.clone() });
        }
    }
    stages
}

/// The narrow places of a convolutional network that still have places.
fn spatial(narrow: &[Narrow]) -> Vec<&Narrow> {
    narrow.iter().filter(|narrow| narrow.places.is_some_and(|places| places.0 * places.1 > 1)).collect()
}

/// Narrow places in a row that belong to one module.
struct Group<'a> {
    key: &'a str,
    members: Vec<&'a Narrow>,
    /// A layer, not a module of several.
    leaf: bool,
}

/// The last narrow place of each module, where names tell modules.
fn modules(graph: &Graph, narrow: &[Narrow]) -> Vec<Stage> {
    let spatial = spatial(narrow);
    // Modules that hold nearly everything (`features`, `model`, `backbone`) are opened.
    let mut depth = 0;
    loop {
        let mut uses: FxHashMap<&str, usize> = FxHashMap::default();
        for narrow in &spatial {
            *uses.entry(narrow.scope.get(depth).map_or("", String::as_str)).or_default() += 1;
        }
        match uses.iter().max_by_key(|(_, count)| **count) {
            Some((key, count)) if !key.is_empty() && *count * 10 > spatial.len() * 8 => depth += 1,
            _ => break,
        }
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for narrow in spatial {
        let key = narrow.scope.get(depth).or(narrow.scope.last()).map_or("", String::as_str);
        match groups.last_mut() {
            Some(group) if group.key == key => group.members.push(narrow),
            _ => groups.push(Group { key, members: vec![narrow], leaf: true }),
        }
    }
    // A module has modules inside, whether or not the graph is narrow there.
    let mut scopes = Scopes::new(graph);
    let (mut nodes, mut passed) = (graph.nodes().iter(), 0);
    for group in &mut groups {
        let end = group.members.last().map_or(0, |last| last.at);
        let inner: Vec<Vec<String>> = nodes.by_ref().take(end + 1 - passed).map(|node| scopes.of(node)).collect();
        passed = end + 1;
        group.leaf = !inner.iter().any(|scope| scope.len() > depth + 1 && scope[depth] == group.key);
    }
    let groups = merged(graph, groups);
    let ends: Vec<(&str, &Narrow)> = groups.iter().map(|group| (group.key, end_of(graph, &group.members))).collect();
    if ends.len() < 3 {
        return Vec::new();
    }
    if ends.len() <= MANY {
        return named(&ends);
    }
    // One for each resolution and width, at the end of a module; one for each resolution where these are many too.
    let wide = thinned(&ends, |narrow| (narrow.places, narrow.dims[1]));
    if wide.len() <= MANY { named(&wide) } else { named(&thinned(&ends, |narrow| (narrow.places, 0))) }
}

/// The last of each run of modules whose ends have the same key; the stem stays.
fn thinned<'a, K: PartialEq>(ends: &[(&'a str, &'a Narrow)], key: impl Fn(&Narrow) -> K) -> Vec<(&'a str, &'a Narrow)> {
    let mut result: Vec<(&str, &Narrow)> = vec![ends[0]];
    for end in &ends[1..] {
        match result.last_mut() {
            Some(last) if last.0 != "stem" && key(last.1) == key(end.1) => *last = *end,
            _ => result.push(*end),
        }
    }
    result
}

/// Layers before the first module become the stem, layers behind a module belong to it, and a module that only makes the
/// picture smaller belongs to the one that follows.
fn merged<'a>(graph: &Graph, groups: Vec<Group<'a>>) -> Vec<Group<'a>> {
    if groups.iter().all(|group| group.leaf) {
        return Vec::new();
    }
    let mut result: Vec<Group<'a>> = Vec::new();
    let mut waiting: Vec<&'a Narrow> = Vec::new();
    let mut previous = None;
    let mut start = 0;
    for mut group in groups {
        let (places, end) = group.members.last().map_or((None, start), |last| (last.places, last.at + 1));
        let shrinks = previous.is_some() && places != previous;
        previous = places;
        let convolutions = graph.nodes()[start..end].iter().filter(|node| node.op_type == "Conv").count();
        start = end;
        if result.is_empty() {
            result.push(Group { key: "stem", members: group.members, leaf: group.leaf });
        } else if result.len() == 1 && result[0].leaf && group.leaf && waiting.is_empty() {
            result[0].members.append(&mut group.members);
        } else if group.leaf && !shrinks {
            if let Some(last) = result.last_mut() {
                last.members.append(&mut group.members);
            }
        } else if shrinks && convolutions <= 1 {
            waiting.append(&mut group.members);
        } else {
            waiting.append(&mut group.members);
            group.members = std::mem::take(&mut waiting);
            result.push(group);
        }
    }
    if !waiting.is_empty() {
        result.push(Group { key: "", members: waiting, leaf: false });
    }
    result
}

/// The last narrow place that is not just a smaller copy.
fn end_of<'a>(graph: &Graph, members: &[&'a Narrow]) -> &'a Narrow {
    let pooled = |narrow: &&&Narrow| {
        !matches!(graph.nodes()[narrow.at].op_type.as_str(), "MaxPool" | "AveragePool" | "Dropout" | "Identity")
    };
    members.iter().rfind(pooled).or(members.last()).expect("a group has members")
}

/// `layer1` stays `layer1`; other modules are `stem` and `block1`, `block2`, ...
fn named(ends: &[(&str, &Narrow)]) -> Vec<Stage> {
    let mut number = 0;
    let mut name = |key: &str| {
        if key == "stem" || (key.starts_with("layer") && key.len() < 8 && is_number(&key[5..])) {
            return key.to_owned();
        }
        number += 1;
        format!("block{number}")
    };
    ends.iter().map(|(key, narrow)| Stage { name: name(key), tensor: narrow.tensor.clone() }).collect()
}

/// The last narrow place of each resolution.
fn resolutions(graph: &Graph, narrow: &[Narrow]) -> Vec<Stage> {
    let mut runs: Vec<Vec<&Narrow>> = Vec::new();
    for narrow in spatial(narrow) {
        match runs.last_mut() {
            Some(run) if run[0].places == narrow.places => run.push(narrow),
            _ => runs.push(vec![narrow]),
        }
    }
    let works = |run: &&Vec<&Narrow>| {
        let pools = |narrow: &&Narrow| {
            matches!(
                graph.nodes()[narrow.at].op_type.as_str(),
                "MaxPool" | "AveragePool" | "Dropout" | "Identity" | "Cast"
            )
        };
        !run.iter().all(pools)
    };
    let side =
        graph.shapes().dims(&graph.inputs()[0].name).map_or(0, |dims| dims.iter().skip(1).copied().max().unwrap_or(0));
    let runs: Vec<&Vec<&Narrow>> = runs.iter().filter(works).collect();
    // A first run at full size is a block like the others (VGG); a smaller one is what makes the picture small.
    let stem = runs.len() > 3 && runs[0][0].places.is_some_and(|places| places.0 < side);
    let key = |at: usize| if at == 0 && stem { "stem" } else { "" };
    let ends: Vec<(&str, &Narrow)> = runs.iter().enumerate().map(|(at, run)| (key(at), end_of(graph, run))).collect();
    named(&ends)
}

/// The first narrow place without places behind the last one that has them; in its flat form where it has one.
fn pool(narrow: &[Narrow]) -> Option<&Narrow> {
    let places =
        |narrow: &Narrow| narrow.dims.len() == 3 || narrow.places.is_some_and(|places| places.0 * places.1 > 1);
    let last = narrow.iter().rposition(places)?;
    let first = narrow.get(last + 1)?;
    // Flattening a map into one long row is no pool (VGG): the map is.
    let channels = |narrow: &Narrow| match (narrow.dims.len(), narrow.places) {
        (4, _) => narrow.dims[1].min(narrow.dims[3].max(narrow.dims[1])),
        (_, _) => narrow.dims.last().copied().unwrap_or(0),
    };
    let pooled = narrow[last].places.is_none_or(|places| channels(first) < narrow[last].dims[1] * places.0 * places.1);
    if !pooled {
        return Some(&narrow[last]);
    }
    let flat = narrow.get(last + 2).filter(|flat| flat.dims.len() == 2 && channels(flat) == channels(first));
    Some(flat.filter(|_| first.dims.len() == 4).unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::build::{self, Builder};
    use super::*;

    /// A small residual network: stem, two blocks of which the second halves the picture, pool and scores; `name` gives the
    /// nodes of (module, operator) their names.
    fn residual(name: impl Fn(&str, &str) -> String) -> Graph {
        let node = |module: &str, operator: &str, inputs: &[&str], output: &str, attributes| {
            let mut node = build::node(operator, inputs, &[output], attributes);
            node.name = name(module, operator);
            node
        };
        let strides = || vec![build::ints("strides", &[2, 2])];
        let same = || vec![build::ints("pads", &[1, 1, 1, 1])];
        let model = Builder::new()
            .input("x", &[0, 3, 32, 32])
            .weights(build::floats("w0", &[4, 3, 2, 2], &[0.1; 48]))
            .weights(build::floats("w1", &[4, 4, 3, 3], &[0.1; 144]))
            .weights(build::floats("w2", &[4, 4, 2, 2], &[0.1; 64]))
            .weights(build::floats("w3", &[4, 4, 1, 1], &[0.1; 16]))
            .weights(build::floats("w4", &[4, 5], &[0.1; 20]))
            .with(node("conv1", "Conv", &["x", "w0"], "a", strides()))
            .with(node("relu", "Relu", &["a"], "b", vec![]))
            .with(node("layer1/layer1.0/conv1", "Conv", &["b", "w1"], "c", same()))
            .with(node("layer1/layer1.0", "Add", &["b", "c"], "d", vec![]))
            .with(node("layer1/layer1.0/relu", "Relu", &["d"], "e", vec![]))
            .with(node("layer2/layer2.0/conv1", "Conv", &["e", "w2"], "f", strides()))
            .with(node("layer2/layer2.0/downsample", "Conv", &["e", "w3"], "g", strides()))
            .with(node("layer2/layer2.0", "Add", &["f", "g"], "h", vec![]))
            .with(node("layer2/layer2.0/relu", "Relu", &["h"], "i", vec![]))
            .with(node("avgpool", "GlobalAveragePool", &["i"], "j", vec![]))
            .with(node("", "Flatten", &["j"], "k", vec![]))
            .with(node("fc", "MatMul", &["k", "w4"], "y", vec![]))
            .output("y")
            .build(13);
        Graph::new(model, Path::new("x.onnx"), String::new()).unwrap()
    }

    fn found(graph: &Graph) -> String {
        let stages = graph.stages(None);
        stages.iter().map(|stage| format!("{}={}", stage.name, stage.tensor)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn stages_end_where_nothing_leads_past() {
        // "c" and "g" have the right sizes, but the sum leads past them.
        let named = residual(|module, operator| format!("/{module}/{operator}"));
        assert_eq!(found(&named), "stem=b layer1=e layer2=i pool=k");
        let contained =
            residual(|module, operator| format!("/features/{}/{operator}", module.replace("layer", "stage")));
        assert_eq!(found(&contained), "stem=b block1=e block2=i pool=k");
        let numbered = residual(|_, _| String::new());
        // One a resolution: 16 and 8 pixels.
        assert_eq!(found(&numbered), "block1=e block2=i pool=k");
    }

    #[test]
    fn a_transformer_has_a_block_for_two_sums() {
        let mut b = Builder::new()
            .input("x", &[0, 3, 8, 8])
            .weights(build::floats("w", &[6, 3, 4, 4], &[0.1; 288]))
            .weights(build::floats("m", &[6, 6], &[0.1; 36]))
            .weights(build::longs("tokens", &[3], &[0, 6, 4]))
            .node("Conv", &["x", "w"], "c", vec![build::ints("strides", &[4, 4])])
            .node("Reshape", &["c", "tokens"], "r", vec![])
            .node("Transpose", &["r"], "t0", vec![build::ints("perm", &[0, 2, 1])]);
        for at in 0..2 {
            let name = |what: &str| format!("{what}{at}");
            let (t, next) = (name("t"), format!("t{}", at + 1));
            b = b
                .node("Transpose", &[&t], &name("k"), vec![build::ints("perm", &[0, 2, 1])])
                .node("MatMul", &[&t, &name("k")], &name("q"), vec![])
                .node("Softmax", &[&name("q")], &name("s"), vec![build::int("axis", -1)])
                .node("MatMul", &[&name("s"), &t], &name("v"), vec![])
                .node("Add", &[&t, &name("v")], &name("u"), vec![])
                .node("MatMul", &[&name("u"), "m"], &name("f"), vec![])
                .node("Add", &[&name("u"), &name("f")], &next, vec![]);
        }
        let model = b.node("ReduceMean", &["t2"], "y", vec![build::ints("axes", &[1]), build::int("keepdims", 0)]);
        let graph = Graph::new(model.output("y").build(13), Path::new("x.onnx"), String::new()).unwrap();
        assert_eq!(found(&graph), "stem=t0 block1=t1 block2=t2 pool=y");
    }
}
