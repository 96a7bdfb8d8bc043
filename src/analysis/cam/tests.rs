use super::*;

fn layer(height: usize, width: usize, values: &[f32]) -> Planes {
    Planes { channels: values.len() / (height * width), height, width, values: values.to_vec() }
}

fn close(got: &[f32], expect: &[f32]) -> bool {
    got.len() == expect.len() && got.iter().zip(expect).all(|(a, b)| (a - b).abs() <= 1e-5 * (1.0 + b.abs()))
}

#[test]
fn values_are_brought_into_planes() {
    let check = |values: &[f32], dims: &[usize], how, expect: Option<(usize, usize, &[f32])>| {
        let got = planes(values, dims, how);
        let got = got.as_ref().map(|got| (got.height, got.width, got.values.as_slice()));
        assert_eq!(got, expect, "{dims:?} {how:?}");
    };
    let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    check(&six, &[3, 1, 2], Arrangement::Planes, Some((1, 2, &six)));
    check(&six, &[1, 2, 3], Arrangement::Pixels, Some((1, 2, &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0])));
    let tokens = [9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
    check(&tokens, &[5, 2], Arrangement::Tokens { lead: 1 }, Some((2, 2, &[1.0, 3.0, 5.0, 7.0, 2.0, 4.0, 6.0, 8.0])));
    check(&tokens, &[5, 2], Arrangement::Tokens { lead: 2 }, None);
    check(&tokens, &[5, 2], Arrangement::Tokens { lead: 6 }, None);
    check(&six, &[2, 3], Arrangement::Planes, None);
    check(&six, &[7], Arrangement::Pixels, None);
    for (tokens, expect) in [(197, (1, 14)), (201, (5, 14)), (198, (2, 14)), (49, (0, 7)), (0, (0, 0))] {
        assert_eq!(token_grid(tokens), expect);
    }
}

#[test]
fn each_method_weighs_as_its_paper_says() {
    // Two channels over two places.
    let values = layer(1, 2, &[1.0, 2.0, -1.0, 3.0]);
    let gradient = layer(1, 2, &[2.0, 0.0, -1.0, -3.0]);
    // Means of the gradient: 1 and -2.
    assert_eq!(grad_cam(&values, &gradient).values, [1.0 + 2.0, 2.0 - 6.0]);
    assert_eq!(hires_cam(&values, &gradient).values, [2.0 + 1.0, -9.0]);
    assert_eq!(layer_cam(&values, &gradient).values, [2.0, 0.0]);
    assert_eq!(weighted(&values, &[0.5, -1.0]).values, [1.5, -2.0]);
    // Channel 1: sum 3, alpha = 4 / (8 + 3 * 8), times 2 = 0.25; channel 2 has no positive gradient.
    assert!(close(&grad_cam_plus_plus(&values, &gradient).values, &[0.25, 0.5]));
    // Negative control: a gradient one place further gives other maps, except for the mean.
    let shifted = layer(1, 2, &[0.0, 2.0, -3.0, -1.0]);
    assert_eq!(grad_cam(&values, &shifted), grad_cam(&values, &gradient));
    assert_ne!(hires_cam(&values, &shifted), hires_cam(&values, &gradient));
    assert_ne!(layer_cam(&values, &shifted), layer_cam(&values, &gradient));
}

#[test]
fn eigen_cam_is_the_first_principal_axis() {
    // numpy: a = A.reshape(C, -1).T; a -= a.mean(0); a @ np.linalg.svd(a, full_matrices=False)[2][0], sign as said.
    let values = [1.0, 2.0, 3.0, 10.0, 0.0, 1.0, 0.0, 5.0, 2.0, 2.0, 1.0, -4.0];
    let expect = [-3.770_798_3, -2.606_932_9, -1.765_090_6, 8.142_822];
    let got = eigen_cam(&layer(2, 2, &values));
    assert!(close(&got.values, &expect), "{:?}", got.values);
    // More places than channels goes the other way round.
    let wide: Vec<f32> = values[..4].iter().chain(&values[4..8]).copied().collect();
    let expect = [-3.348_937_8, -1.984_555_8, -1.612_451_6, 6.945_945_1];
    let got = eigen_cam(&layer(2, 2, &wide));
    assert!(close(&got.values, &expect), "{:?}", got.values);
    assert_eq!(eigen_cam(&layer(1, 2, &[5.0, 5.0])).values, [0.0, 0.0]);
    assert_eq!(eigen_cam(&layer(1, 2, &[])).values, [0.0, 0.0]);
}

#[test]
fn maps_are_enlarged_as_torch_does() {
    // F.interpolate(torch.tensor([[[[0., 4.]]]]), size=(1, 4), mode="bilinear", align_corners=False)
    let check = |width: usize, values: &[f32], to: (usize, usize), expect: &[f32]| {
        let map = Map { height: values.len() / width.max(1), width, values: values.to_vec() };
        let got = upsample(&map, to.0, to.1);
        assert!(close(&got.values, expect) && (got.height, got.width) == to, "{values:?}: {:?}", got.values);
    };
    check(2, &[0.0, 4.0], (1, 4), &[0.0, 1.0, 3.0, 4.0]);
    check(2, &[0.0, 4.0], (2, 3), &[0.0, 2.0, 4.0, 0.0, 2.0, 4.0]);
    check(2, &[0.0, 1.0, 2.0, 3.0], (1, 1), &[1.5]);
    check(1, &[7.0], (2, 2), &[7.0; 4]);
    check(0, &[], (1, 2), &[0.0; 2]);
}

#[test]
fn masks_and_probabilities_are_scaled() {
    let plane = Map { height: 1, width: 2, values: vec![-1.0, 3.0] };
    assert!(close(&mask(&plane, 1, 4).unwrap(), &[0.0, 0.25, 0.75, 1.0]));
    assert_eq!(mask(&Map { height: 1, width: 2, values: vec![2.0; 2] }, 2, 2), None);
    assert_eq!(mask(&Map { height: 1, width: 2, values: vec![f32::NAN; 2] }, 2, 2), None);
    assert!(close(&softmax(&[1000.0, 1000.0 + 3.0_f32.ln()]), &[0.25, 0.75]));
}
