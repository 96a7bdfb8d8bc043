//! The merged taxonomy of a population, as dense arrays.
//!
//! Nodes are numbered in pre-order with children in the order of their names, so that a subtree is one
//! range of ids: "under" is a comparison of two numbers, and totals roll up in one backward pass.

use std::sync::Arc;

/// "No node", "no leaf", "no brand": the value of an id column where the sample has none.
pub const NONE: u32 = u32::MAX;

/// One node of the [`Taxonomy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxonomyNode {
    /// Its own name (the last element of its path).
    pub name: Arc<str>,
    /// Its parent, [`NONE`] for a root.
    pub parent: u32,
    /// 0 for a root.
    pub depth: u16,
    /// One past the last id of its subtree: the subtree is `id..end`.
    pub end: u32,
    /// Its children, by name.
    pub children: Vec<u32>,
    /// Samples whose path ends here.
    pub direct: u32,
    /// Samples whose path ends here or below.
    pub total: u32,
}

/// All nodes that any sample of the population lies at or under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taxonomy {
    /// Nodes in pre-order.
    pub nodes: Vec<TaxonomyNode>,
    /// Nodes without a parent, by name.
    pub roots: Vec<u32>,
}

impl Taxonomy {
    /// Builds the tree from `(parent, name, direct count)` per node, in any order in which names under one
    /// parent are unique. Nodes with a total of 0 are left out. Returns the tree and, for each input node,
    /// its id in the tree ([`NONE`] where it was left out).
    #[must_use]
    pub fn build(input: &[(u32, Arc<str>, u32)]) -> (Self, Vec<u32>) {
        let n = input.len();
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); n];
        let mut roots = Vec::new();
        for (id, (parent, ..)) in input.iter().enumerate() {
            match children.get_mut(*parent as usize) {
                Some(list) => list.push(id as u32),
                None => roots.push(id as u32),
            }
        }
        // A post-order pass without recursion: depth is the data's, not ours to limit.
        let mut total: Vec<u32> = input.iter().map(|node| node.2).collect();
        let mut order = Vec::with_capacity(n);
        let mut stack = roots.clone();
        while let Some(id) = stack.pop() {
            order.push(id);
            stack.extend(&children[id as usize]);
        }
        for &id in order.iter().rev() {
            let own = total[id as usize];
            if let Some(sum) = total.get_mut(input[id as usize].0 as usize) {
                *sum += own;
            }
        }
        let by_name = |list: &mut Vec<u32>| {
            list.retain(|&id| total[id as usize] > 0);
            list.sort_by(|&a, &b| input[a as usize].1.cmp(&input[b as usize].1));
        };
        by_name(&mut roots);
        children.iter_mut().for_each(by_name);

        let mut tree = Self::default();
        let mut ids = vec![NONE; n];
        let mut stack: Vec<(u32, u32)> = roots.iter().rev().map(|&root| (root, NONE)).collect();
        while let Some((old, parent)) = stack.pop() {
            let id = tree.nodes.len() as u32;
            ids[old as usize] = id;
            let depth = if let Some(node) = tree.nodes.get_mut(parent as usize) {
                node.children.push(id);
                node.depth.saturating_add(1)
            } else {
                tree.roots.push(id);
                0
            };
            let (_, name, direct) = &input[old as usize];
            tree.nodes.push(TaxonomyNode {
                name: name.clone(),
                parent,
                depth,
                end: id + 1,
                children: Vec::new(),
                direct: *direct,
                total: total[old as usize],
            });
            stack.extend(children[old as usize].iter().rev().map(|&child| (child, id)));
        }
        for id in (0..tree.nodes.len()).rev() {
            let (parent, end) = (tree.nodes[id].parent, tree.nodes[id].end);
            if let Some(node) = tree.nodes.get_mut(parent as usize) {
                node.end = node.end.max(end);
            }
        }
        (tree, ids)
    }

    /// The ancestor at a level (0 for the roots) of each node, itself included; [`NONE`] for nodes above it.
    #[must_use]
    pub fn at_level(&self, level: u16) -> Vec<u32> {
        let mut at: Vec<u32> = vec![NONE; self.nodes.len()];
        // A parent stands before its children.
        for (id, node) in self.nodes.iter().enumerate() {
            at[id] = match node.depth.cmp(&level) {
                std::cmp::Ordering::Less => NONE,
                std::cmp::Ordering::Equal => id as u32,
                std::cmp::Ordering::Greater => at[node.parent as usize],
            };
        }
        at
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True if no sample has a taxonomy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The names from the root to `node`, root first.
    #[must_use]
    pub fn path(&self, node: u32) -> Vec<&str> {
        let mut path = Vec::new();
        let mut at = self.nodes.get(node as usize);
        while let Some(node) = at {
            path.push(&*node.name);
            at = self.nodes.get(node.parent as usize);
        }
        path.reverse();
        path
    }

    /// The node with exactly this path from a root.
    #[must_use]
    pub fn find<S: AsRef<str>>(&self, path: &[S]) -> Option<u32> {
        let mut level = &self.roots;
        let mut found = None;
        for name in path {
            let name = name.as_ref();
            let at = level.binary_search_by(|&id| (*self.nodes[id as usize].name).cmp(name)).ok()?;
            found = Some(level[at]);
            level = &self.nodes[level[at] as usize].children;
        }
        found
    }

    /// Rolls counts per node (of samples whose path ends there) up to totals of the subtrees.
    #[must_use]
    pub fn roll_up(&self, direct: &[u32]) -> Vec<u32> {
        let mut total = direct.to_vec();
        for id in (0..total.len()).rev() {
            let own = total[id];
            if let Some(sum) = total.get_mut(self.nodes[id].parent as usize) {
                *sum += own;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_are_ranges_and_empty_nodes_are_left_out() {
        // Inputs: a forest written child before parent, with one branch nobody lies under.
        let node = |parent, name: &str, direct| (parent, Arc::<str>::from(name), direct);
        let input = [
            node(2, "Shirts", 3),
            node(NONE, "Toys", 0),
            node(NONE, "Clothing", 1),
            node(2, "Dresses", 2),
            node(0, "Polo", 4),
        ];
        let (tree, ids) = Taxonomy::build(&input);
        let rows: Vec<_> = tree.nodes.iter().map(|n| (&*n.name, n.parent, n.depth, n.end, n.direct, n.total)).collect();
        assert_eq!(
            rows,
            [
                ("Clothing", NONE, 0, 4, 1, 10),
                ("Dresses", 0, 1, 2, 2, 2),
                ("Shirts", 0, 1, 4, 3, 7),
                ("Polo", 2, 2, 4, 4, 4)
            ]
        );
        assert_eq!(ids, [2, NONE, 0, 1, 3]);
        assert_eq!(tree.path(3), ["Clothing", "Shirts", "Polo"]);
        assert_eq!(tree.find(&["Clothing", "Shirts", "Polo"]), Some(3));
        assert_eq!(tree.find(&["Shirts"]), None, "a path starts at a root");
        assert_eq!(tree.find::<&str>(&[]), None);
        assert_eq!(tree.roll_up(&[0, 1, 0, 5]), [6, 1, 5, 5]);
    }
}
