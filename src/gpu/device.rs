//! The one device: the window's, wrapped, or one opened without a window for tests and the terminal.
//!
//! How it works: wgpu reports most errors long after the call that caused them, and panics on them unless somebody
//! listens. [`Device`] listens: the first error is kept and handed out by [`Device::check`], which every piece of work
//! calls at its end. Out of memory is asked for at the place ([`Device::storage`] opens an error scope), because there
//! the caller can do with less.

use std::sync::{Arc, Mutex};

use super::GpuError;

/// A device, its queue, and the first error it had.
#[derive(Clone)]
pub struct Device {
    /// wgpu's device.
    pub device: wgpu::Device,
    /// wgpu's queue.
    pub queue: wgpu::Queue,
    info: Arc<wgpu::AdapterInfo>,
    trouble: Arc<Mutex<Option<GpuError>>>,
}

impl Device {
    /// Wraps a device that somebody else opened: the window's. From here on its errors come out of [`Device::check`]
    /// and no longer end the program.
    #[must_use]
    pub fn wrap(device: wgpu::Device, queue: wgpu::Queue, info: wgpu::AdapterInfo) -> Self {
        let trouble = Arc::new(Mutex::new(None));
        let first = Arc::clone(&trouble);
        device.on_uncaptured_error(Arc::new(move |error| keep(&first, from_wgpu(&error))));
        let first = Arc::clone(&trouble);
        device.set_device_lost_callback(move |reason, text| {
            // `Destroyed` is the program's own doing.
            if reason == wgpu::DeviceLostReason::Unknown {
                keep(&first, GpuError::Lost(short(&text)));
            }
        });
        Self { device, queue, info: Arc::new(info), trouble }
    }

    /// Opens a device without a window, on the best adapter there is; a software adapter counts.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::NoDevice`].
    pub fn open() -> Result<Self, GpuError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = pollster::block_on(instance.request_adapter(&options))
            .map_err(|error| GpuError::NoAdapter(short(&error.to_string())))?;
        let info = adapter.get_info();
        let wanted = wgpu::DeviceDescriptor {
            label: Some("shopscope"),
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&wanted))
            .map_err(|error| GpuError::NoDevice { name: info.name.clone(), why: short(&error.to_string()) })?;
        Ok(Self::wrap(device, queue, info))
    }

    /// The adapter's name, without the driver's brackets.
    #[must_use]
    pub fn name(&self) -> &str {
        self.info.name.split(" (").next().unwrap_or(&self.info.name)
    }

    /// True for a graphics card. False for a software adapter, which draws but does not compute: the twin on the
    /// processor is several times as fast there.
    #[must_use]
    pub fn computes(&self) -> bool {
        self.info.device_type != wgpu::DeviceType::Cpu
    }

    /// The largest number of bytes that one storage binding may have.
    #[must_use]
    pub fn largest_binding(&self) -> u64 {
        let limits = self.device.limits();
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
    }

    /// The first error since the last call.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self) -> Result<(), GpuError> {
        let mut trouble = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        trouble.take().map_or(Ok(()), Err)
    }

    /// A storage buffer of `bytes` (rounded up to 4), zeroed, that can be copied from and to.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] for the adapter's limits, [`GpuError::OutOfMemory`].
    pub fn storage(&self, what: &'static str, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
        let size = bytes.next_multiple_of(4).max(16);
        self.fits(what, size)?;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        pollster::block_on(scope.pop()).map_or(Ok(buffer), |error| Err(from_wgpu(&error)))
    }

    /// A storage buffer that holds `values`.
    ///
    /// # Errors
    /// As [`Device::storage`].
    pub fn upload<T: bytemuck::NoUninit>(&self, what: &'static str, values: &[T]) -> Result<wgpu::Buffer, GpuError> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let buffer = self.storage(what, bytes.len() as u64)?;
        self.write(&buffer, bytes);
        Ok(buffer)
    }

    /// Writes bytes to the start of a buffer; up to three zero bytes follow where the length is no multiple of 4.
    pub fn write(&self, buffer: &wgpu::Buffer, bytes: &[u8]) {
        let whole = bytes.len() & !3;
        if whole > 0 {
            self.queue.write_buffer(buffer, 0, &bytes[..whole]);
        }
        if whole < bytes.len() {
            let mut last = [0_u8; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.queue.write_buffer(buffer, whole as u64, &last);
        }
    }

    /// A uniform buffer that holds `value`.
    #[must_use]
    pub fn uniform<T: bytemuck::NoUninit>(&self, what: &'static str, value: &T) -> wgpu::Buffer {
        // Written by the queue, not mapped at creation: wgpu ends the program where it cannot map one of a lost device.
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: size_of::<T>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.queue.write_buffer(&buffer, 0, bytemuck::bytes_of(value));
        buffer
    }

    /// A compute pipeline whose layout is what the shader says.
    #[must_use]
    pub fn kernel(&self, module: &wgpu::ShaderModule, entry: &'static str) -> wgpu::ComputePipeline {
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: None,
            module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        })
    }

    /// A shader from its text. A line `#include "NAME"` stands for `shaders/shared/NAME`.
    #[must_use]
    pub fn shader(&self, what: &'static str, text: &str) -> wgpu::ShaderModule {
        self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(what),
            source: wgpu::ShaderSource::Wgsl(with_shared(text).into()),
        })
    }

    /// Buffers bound in order from binding 0.
    #[must_use]
    pub fn bind(&self, layout: &wgpu::BindGroupLayout, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    }

    /// Waits until everything submitted is done.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn wait(&self) -> Result<(), GpuError> {
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        polled.map(|_| ()).map_err(|error| GpuError::Lost(short(&error.to_string())))
    }

    /// Copies the first `bytes` of a buffer back, after everything submitted is done.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn read<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<T>, GpuError> {
        let staging = self.staging(bytes)?;
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes.next_multiple_of(4));
        self.queue.submit([encoder.finish()]);
        self.map(&staging, |view| bytemuck::pod_collect_to_vec(&view[..bytes as usize]))
    }

    /// A buffer that the processor can read.
    pub(super) fn staging(&self, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: bytes.next_multiple_of(4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        pollster::block_on(scope.pop()).map_or(Ok(staging), |error| Err(from_wgpu(&error)))
    }

    /// Waits, then hands a staging buffer's bytes out.
    pub(super) fn map<R>(&self, staging: &wgpu::Buffer, use_it: impl FnOnce(&[u8]) -> R) -> Result<R, GpuError> {
        let done = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&done);
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
        });
        self.wait()?;
        let result = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match result {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(GpuError::Lost(short(&error.to_string()))),
            None => return Err(GpuError::Lost("a read back never finished".to_owned())),
        }
        let view = staging.get_mapped_range(..).map_err(|error| GpuError::Refused(short(&error.to_string())))?;
        Ok(use_it(&view))
    }

    /// A new list of commands.
    #[must_use]
    pub fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    fn fits(&self, what: &'static str, needed: u64) -> Result<(), GpuError> {
        let allowed = self.largest_binding();
        if needed <= allowed { Ok(()) } else { Err(GpuError::TooLarge { what, needed, allowed }) }
    }
}

/// Workgroups in two dimensions, because one dimension ends at 65,535: the kernel computes
/// `group = id.y * count.x + id.x` and leaves where that is past the end.
#[must_use]
pub fn grid(workgroups: u64) -> (u32, u32) {
    const WIDEST: u64 = 65_535;
    let rows = workgroups.div_ceil(WIDEST).max(1);
    (workgroups.div_ceil(rows) as u32, rows as u32)
}

/// What several shaders include: `shaders/shared`.
const SHARED: [(&str, &str); 2] = [
    ("picture.wgsl", include_str!("../../shaders/shared/picture.wgsl")),
    ("slice.wgsl", include_str!("../../shaders/shared/slice.wgsl")),
];

/// A shader's text with what it includes; a name that nobody knows stays, and the compiler of shaders names its line.
fn with_shared(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        let name = line.strip_prefix("#include \"").and_then(|rest| rest.strip_suffix('"'));
        let shared = name.and_then(|name| SHARED.iter().find(|(known, _)| *known == name));
        whole.push_str(shared.map_or(line, |(_, text)| text));
        whole.push('\n');
    }
    whole
}

fn keep(first: &Mutex<Option<GpuError>>, error: GpuError) {
    tracing::error!("{error}");
    first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
}

fn from_wgpu(error: &wgpu::Error) -> GpuError {
    let text = short(&error.to_string());
    match error {
        wgpu::Error::OutOfMemory { .. } => GpuError::OutOfMemory(text),
        wgpu::Error::Validation { .. } | wgpu::Error::Internal { .. } => GpuError::Refused(text),
    }
}

/// One line of what a driver says over many.
fn short(text: &str) -> String {
    let line = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(": ");
    if line.chars().count() > 400 { line.chars().take(400).chain("..".chars()).collect() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispatches_go_into_two_dimensions() {
        let check = |workgroups: u64, expect: (u32, u32)| assert_eq!(grid(workgroups), expect, "{workgroups}");
        check(0, (0, 1));
        check(1, (1, 1));
        check(65_535, (65_535, 1));
        check(65_536, (32_768, 2));
        check(200_000, (50_000, 4));
        for workgroups in [65_537, 131_071, 1_000_003] {
            let (x, y) = grid(workgroups);
            let all = u64::from(x) * u64::from(y);
            assert!(all >= workgroups && all < workgroups + u64::from(y), "{workgroups}");
        }
    }

    #[test]
    fn texts_include_what_they_share() {
        let check = |text: &str, expect: &str| assert_eq!(with_shared(text), expect, "{text}");
        check("a\nb", "a\nb\n");
        check("a\n#include \"slice.wgsl\"\nb\n", &format!("a\n{}\nb\n", SHARED[1].1));
        check("#include \"other.wgsl\"", "#include \"other.wgsl\"\n");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let values: Vec<u8> = (0..=250).collect();
        let buffer = device.upload("bytes", &values).unwrap();
        assert_eq!(device.read::<u8>(&buffer, 251).unwrap(), values);
        assert!(!device.name().is_empty());
    }

    #[test]
    fn errors_become_sentences() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        // A shader that does not compile would end the program if nobody listened.
        let _ = device.shader("broken", "fn broken( {");
        let error = device.wait().unwrap_err();
        assert!(matches!(error, GpuError::Refused(_)), "{error}");
        assert!(!error.to_string().contains('\n'));
        assert_eq!(device.check(), Ok(()), "an error is handed out once");
        let allowed = device.largest_binding();
        let error = device.storage("a map", allowed + 4).unwrap_err();
        assert_eq!(error, GpuError::TooLarge { what: "a map", needed: allowed + 4, allowed });
    }
}
