use super::*;
use crate::analysis::scatter::discs::discs;
use crate::analysis::scatter::fixtures::clusters;
use crate::analysis::scatter::splat::{NO_PLANE, resolve, splat};

const ROWS: usize = 5000;
const BUDGET: Duration = Duration::from_millis(16);

fn device() -> Device {
    Device::open().expect("tests need a graphics adapter; a software one will do")
}

fn style(layer: Layer) -> Style {
    let mut plane_of = [0; 256];
    plane_of[1] = 1;
    plane_of[2] = 2;
    plane_of[3] = NO_PLANE;
    Style {
        layer,
        plane_of,
        planes: vec![[230, 159, 0], [86, 180, 233], [0, 158, 115]],
        ramp: (0..=255).map(|at| [at, 128, 255 - at]).collect(),
        dim: [90, 90, 90],
        radius: 2.0,
    }
}

struct Fixture {
    scatter: Scatter,
    classes: Vec<u8>,
    groups: Vec<u8>,
}

fn fixture(device: &Device, pipelines: &Arc<Pipelines>, layer: Layer) -> Fixture {
    let points = Arc::new(Points::new(&clusters(ROWS)));
    let classes: Vec<u8> = (0..ROWS).map(|row| (row % 4) as u8).collect();
    let groups: Vec<u8> = (0..ROWS).map(|row| (row % 3) as u8).collect();
    let scatter = Scatter::counting(device, pipelines, points, [&classes, &groups], style(layer), false).unwrap();
    Fixture { scatter, classes, groups }
}

impl Fixture {
    /// What the twin counts for what the device last drew.
    fn twin(&self) -> Counts {
        let scatter = &self.scatter;
        let by_row = if scatter.style.layer == Layer::Ratio { &self.groups } else { &self.classes };
        let classes = scatter.points.by_slot(by_row);
        let view = scatter.run.as_ref().unwrap().view;
        let style = &scatter.style;
        splat(&scatter.points, &classes, &scatter.marks_here, &style.plane_map(), style.ink_planes(), &view, LEVELS)
    }

    /// Draws until complete as a screen would, counting: small maps would be drawn as discs otherwise.
    fn count(&mut self, camera: &Camera, width: u32, height: u32) -> Counts {
        self.scatter.finish(camera, width, height).unwrap();
        self.scatter.counts().unwrap().expect("counted")
    }
}

#[test]
fn counts_equal_the_twin_and_so_does_the_picture() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    for layer in [Layer::Density, Layer::Ratio] {
        let mut fixture = fixture(&device, &pipelines, layer);
        let all = fixture.scatter.points.fit([61.0, 47.0]);
        let selection = Bits::of(ROWS, (0..ROWS as u32).filter(|row| row % 7 < 3));
        for (zoom, east, marks) in
            [(1.0, 0.0, 0), (1.0, 0.0, 1), (8.0, 0.2, 1), (900.0, 0.01, 0), (0.2, 3.0, 1), (1.0, 99.0, 0)]
        {
            fixture.scatter.set_marks(None, false, (marks == 1).then_some(&selection));
            let camera = Camera { center: [all.center[0] + east, all.center[1]], scale: all.scale * zoom };
            let counts = fixture.count(&camera, 61, 47);
            let twin = fixture.twin();
            assert!(counts == twin, "{layer:?} {zoom} {east}: {} {}", counts.sum(), twin.sum());
            if (zoom, layer) == (1.0, Layer::Density) && east == 0.0 {
                // Class 3 is switched off.
                assert_eq!(counts.sum(), ROWS as u64 * 3 / 4);
            }
            let scatter = &fixture.scatter;
            let exposure = Exposure { factor: 1.0, totals: totals(&scatter.marks_here, &scatter.sides, layer) };
            let Shape { grain, step, texture: [width, height], .. } = scatter.target.as_ref().unwrap().shape;
            assert!(grain % step == 0 && (width, height) == (61_u32.div_ceil(step), 47_u32.div_ceil(step)));
            let expect = resolve(&counts, &scatter.style, &exposure, grain / step, width, height);
            let (across, down, pixels) = scatter.read_back().unwrap();
            assert_eq!((across, down, pixels.len()), (width, height, expect.len()));
            // One step of 255: a card's logarithm may round the other way. The ramp adds one more.
            let worst = pixels.iter().flatten().zip(expect.iter().flatten()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst.unwrap() <= 2, "{layer:?} {zoom}: {worst:?}");
        }
    }
}

#[test]
fn classes_are_counted_in_planes_of_their_own() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    let rows = FEW_IN_SOFTWARE.max(if device.computes() { FEW } else { 0 }) as usize + 1;
    let points = Arc::new(Points::new(&clusters(rows)));
    let classes: Vec<u8> = (0..rows).map(|row| (row % 3) as u8).collect();
    let scatter =
        Scatter::counting(&device, &pipelines, points, [&classes, &classes], style(Layer::Classes), false).unwrap();
    let mut fixture = Fixture { scatter, groups: classes.clone(), classes };
    let camera = fixture.scatter.points.fit([50.0, 40.0]);
    let counts = fixture.count(&camera, 50, 40);
    assert_eq!(counts, fixture.twin());
    let planes: Vec<u64> =
        counts.counts.chunks(2000).map(|plane| plane.iter().map(|&count| u64::from(count)).sum()).collect();
    let third = |class: usize| ((rows + 2 - class) / 3) as u64;
    assert_eq!(planes, [third(0), third(1), third(2), 0]);
    let expect = resolve(&counts, &fixture.scatter.style, &Exposure { factor: 1.0, totals: [0.0; 2] }, 1, 50, 40);
    let (_, _, pixels) = fixture.scatter.read_back().unwrap();
    let worst = pixels.iter().flatten().zip(expect.iter().flatten()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= 1, "{worst}");
}

#[test]
fn wrong_twins_are_rejected() {
    let device = device();
    let right = include_str!("../../../shaders/scatter_splat.wgsl");
    let wrong = [
        ("* slice.scale;", "* slice.scale + 0.01;"),
        ("place.xy - slice.origin", "(place.xy - slice.origin) * 1.002"),
        ("mark != 0u &&", ""),
        ("level < slice.level_end", "level + 1u < slice.level_end"),
        ("before + 1u", "before"),
    ];
    for (from, to) in wrong {
        let text = right.replacen(from, to, 1);
        assert_ne!(text, right, "{from}");
        let pipelines = Arc::new(Pipelines::with_splat(&device, &text));
        let mut fixture = fixture(&device, &pipelines, Layer::Density);
        fixture.scatter.set_marks(Some(&Bits::of(ROWS, 0..4000)), false, None);
        let camera = fixture.scatter.points.fit([640.0, 400.0]);
        let camera = Camera { scale: camera.scale * 3.0, ..camera };
        let counts = fixture.count(&camera, 640, 400);
        assert!(counts != fixture.twin(), "{from} -> {to} was not noticed");
    }
}

#[test]
fn a_picture_fills_over_frames_and_starts_again() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    let mut fixture = fixture(&device, &pipelines, Layer::Density);
    let scatter = &mut fixture.scatter;
    let camera = scatter.points.fit([64.0, 64.0]);
    let mut frames = 0;
    let mut before = 0;
    loop {
        scatter.chunk = [500; 2];
        let progress = scatter.render(&camera, 64, 64, BUDGET).unwrap();
        device.wait().unwrap();
        let sum = scatter.counts().unwrap().unwrap().sum();
        // The last steps of so small a map may hold no point.
        assert!(sum >= before && progress.drawn <= progress.total, "{frames}: {sum} {before} {progress:?}");
        before = sum;
        frames += 1;
        if progress.complete {
            break;
        }
    }
    assert!(frames > 2, "{frames}");
    assert_eq!(before, ROWS as u64 * 3 / 4);
    let again = scatter.render(&camera, 64, 64, BUDGET).unwrap();
    assert!(again.complete && again.drawn == again.total);
    assert_eq!(scatter.counts().unwrap().unwrap().sum(), before, "a whole picture is not added to");

    let elsewhere = Camera { scale: camera.scale * 2.0, ..camera };
    scatter.chunk = [500; 2];
    let progress = scatter.render(&elsewhere, 64, 64, BUDGET).unwrap();
    assert!(!progress.complete && progress.drawn < progress.total);
    let generation = scatter.texture().unwrap().generation;
    scatter.finish(&elsewhere, 64, 64).unwrap();
    assert_eq!(scatter.texture().unwrap().generation, generation);
    // A place is four pixels wide in a map of few points, so the last one reaches beyond the picture.
    scatter.finish(&elsewhere, 65, 64).unwrap();
    let texture = scatter.texture().unwrap();
    assert!(texture.generation > generation && texture.coarse, "another texture");
    assert_eq!(texture.share, [65.0 / 68.0, 1.0]);
}

#[test]
fn few_points_are_discs_and_dim_ones_lie_under() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    // Two at one place, one of them dim, and one far away.
    let points = Arc::new(Points::new(&[[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]));
    let mut scatter =
        Scatter::new(&device, &pipelines, Arc::clone(&points), &[0, 1, 2], &[0; 3], style(Layer::Classes)).unwrap();
    scatter.set_marks(None, false, Some(&Bits::of(3, [1, 2])));
    let camera = points.fit([101.0, 101.0]);
    scatter.finish(&camera, 101, 101).unwrap();
    assert_eq!(scatter.counts().unwrap(), None);
    let (_, _, pixels) = scatter.read_back().unwrap();
    let at = |world: [f64; 2]| {
        let [x, y] = camera.screen_from_world(world, [101.0, 101.0]);
        pixels[y as usize * 101 + x as usize]
    };
    let classes = points.by_slot(&[0, 1, 2]);
    let twin = discs(&points, &classes, scatter.marks(), &style(Layer::Classes), &points.view(&camera, 101, 101));
    let differ = |other: &[[u8; 4]]| {
        let worst = pixels.iter().flatten().zip(other.iter().flatten()).map(|(a, b)| a.abs_diff(*b)).max();
        worst.unwrap() > 2
    };
    // A disc's edge goes through positions that the card rounds to 1/256 of a pixel.
    assert!(!differ(&twin));
    let thick = Style { radius: 2.5, ..style(Layer::Classes) };
    let wrong = discs(&points, &classes, scatter.marks(), &thick, &points.view(&camera, 101, 101));
    assert!(differ(&wrong), "a wrong twin is noticed");
    // Dim at 0.35 under the second colour at 0.8, premultiplied.
    let expect = |ink: u8, dim: f32| (f32::from(ink) * 0.8 + dim * 0.35 * 0.2 + 0.5) as u8;
    let check = |place: [f64; 2], ink: [u8; 3], dim: f32, alpha: f32| {
        let got = at(place);
        for channel in 0..3 {
            assert!(got[channel].abs_diff(expect(ink[channel], dim)) <= 1, "{got:?} {ink:?}");
        }
        assert!((f32::from(got[3]) - alpha * 255.0).abs() <= 1.0, "{got:?}");
    };
    check([0.0, 0.0], [86, 180, 233], 90.0, 0.87);
    check([1.0, 1.0], [0, 158, 115], 0.0, 0.8);
    assert_eq!(at([0.5, 0.5]), [0; 4]);
    let lit = pixels.iter().filter(|pixel| pixel[3] > 0).count();
    // Two discs of radius 2 with edges of one pixel.
    assert!((20..=60).contains(&lit), "{lit}");
}

#[test]
fn places_are_as_coarse_as_their_counters_must_be() {
    let check = |layer: Layer, planes: usize, size: [u32; 2], most: u64, expect: u32| {
        let style = Style { planes: vec![[0; 3]; planes], ..style(layer) };
        assert_eq!(style.grain(size[0], size[1], most), expect, "{layer:?} {planes} {size:?}");
    };
    check(Layer::Density, 1, [1280, 800], 16 << 20, 1);
    check(Layer::Density, 1, [2560, 1440], 16 << 20, 2);
    check(Layer::Classes, 12, [1280, 800], 16 << 20, 2);
    check(Layer::Classes, 12, [1280, 800], 256 << 20, 1);
    // Blurred fields grow with the picture, by even numbers of pixels.
    check(Layer::Ratio, 2, [61, 47], 16 << 20, 4);
    check(Layer::Ratio, 2, [1280, 800], 16 << 20, 4);
    check(Layer::Ratio, 2, [2560, 1440], 16 << 20, 8);
}

#[test]
fn no_points_make_an_empty_picture() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    for world in [vec![], vec![[f32::NAN; 2]; 3]] {
        let points = Arc::new(Points::new(&world));
        for layer in [Layer::Density, Layer::Classes, Layer::Ratio] {
            let classes = vec![0; world.len()];
            let mut scatter =
                Scatter::counting(&device, &pipelines, Arc::clone(&points), [&classes, &classes], style(layer), false)
                    .unwrap();
            scatter.finish(&points.fit([8.0, 8.0]), 8, 8).unwrap();
            let (_, _, pixels) = scatter.read_back().unwrap();
            assert!(!pixels.is_empty() && pixels.iter().all(|pixel| *pixel == [0; 4]), "{layer:?}");
        }
    }
}

#[test]
fn more_of_a_is_red_and_more_of_b_is_blue() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    // A on the left, B on the right, both in the middle; B has three times as many everywhere.
    let mut world = Vec::new();
    let mut groups = Vec::new();
    for row in 0..4000_u16 {
        let group = u8::from(row % 4 != 0);
        let side = match (row / 4 % 2, group) {
            (0, _) => 0.5,
            (_, 0) => 0.1,
            _ => 0.9,
        };
        let jitter = |by: u16| f32::from(row.wrapping_mul(by) % 997) / 997.0 * 0.1;
        world.push([side + jitter(331), jitter(577)]);
        groups.push(group);
    }
    let points = Arc::new(Points::new(&world));
    let style = Style { plane_of: std::array::from_fn(|group| group as u8), ..style(Layer::Ratio) };
    let mut scatter = Scatter::new(&device, &pipelines, Arc::clone(&points), &groups, &groups, style).unwrap();
    let camera = points.fit([320.0, 120.0]);
    scatter.finish(&camera, 320, 120).unwrap();
    let (width, _, pixels) = scatter.read_back().unwrap();
    let at = |x: f64| {
        let [x, y] = camera.screen_from_world([x, 0.05], [320.0, 120.0]);
        pixels[y as usize / 2 * width as usize + x as usize / 2]
    };
    let (a, both, b) = (at(0.15), at(0.55), at(0.95));
    assert!(a[3] > 200 && both[3] > 200 && b[3] > 200, "{a:?} {both:?} {b:?}");
    assert!(a[0] > 230 && a[2] < 30, "{a:?}");
    assert!(b[0] < 30 && b[2] > 230, "{b:?}");
    assert!(both[0].abs_diff(both[2]) < 60, "{both:?}");
}

#[test]
fn memory_is_under_sixteen_bytes_a_point() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    let fixture = fixture(&device, &pipelines, Layer::Density);
    let a_point = fixture.scatter.bytes() as f64 / ROWS as f64;
    assert!(a_point <= 16.0, "{a_point}");
}

#[test]
fn the_processor_draws_what_the_adapter_draws() {
    let device = device();
    let pipelines = Arc::new(Pipelines::new(&device));
    let rows = FEW_IN_SOFTWARE.max(if device.computes() { FEW } else { 0 }) as usize + 1000;
    let points = Arc::new(Points::new(&clusters(rows)));
    let classes: Vec<u8> = (0..rows).map(|row| (row % 4) as u8).collect();
    let groups: Vec<u8> = (0..rows).map(|row| (row % 3) as u8).collect();
    let selection = Bits::of(rows, (0..rows as u32).filter(|row| row % 7 < 3));
    for layer in [Layer::Density, Layer::Classes, Layer::Ratio] {
        let [mut there, mut here] = [false, true].map(|on_host| {
            let points = Arc::clone(&points);
            Scatter::counting(&device, &pipelines, points, [&classes, &groups], style(layer), on_host).unwrap()
        });
        let all = points.fit([161.0, 97.0]);
        for (zoom, marks) in [(1.0, false), (1.3, true), (0.4, true)] {
            let camera = Camera { scale: all.scale * zoom, ..all };
            let drawn = [&mut there, &mut here].map(|scatter| {
                scatter.set_marks(None, true, marks.then_some(&selection));
                scatter.finish(&camera, 161, 97).unwrap();
                (scatter.counts().unwrap().expect("counted"), scatter.read_back().unwrap())
            });
            let [(counts, picture), (host_counts, host_picture)] = drawn;
            assert!(counts == host_counts, "{layer:?} {zoom}: {} {}", counts.sum(), host_counts.sum());
            assert_eq!((picture.0, picture.1), (host_picture.0, host_picture.1));
            let pairs = picture.2.iter().flatten().zip(host_picture.2.iter().flatten());
            let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(2), "{layer:?} {zoom}: {worst:?}");
            // The comparison sees a picture that is another one.
            let (_, _, other) = here.read_back().unwrap();
            let moved = other.iter().skip(3).flatten().zip(picture.2.iter().flatten());
            assert!(moved.map(|(a, b)| a.abs_diff(*b)).max() > Some(2), "{layer:?} {zoom}");
        }
    }
}
