internal import Synchronization

/// Memory that is used again, so that its pages are touched for the first time only once.
final class BufferPool: Sendable {
    private struct Free: @unchecked Sendable {
        // Only the pool holds a pointer that lies here, so no two threads use it.
        var buffers: [UnsafeMutableRawBufferPointer] = []
    }

    private let free = Mutex(Free())
    private let standardByteCount: Int

    /// A pool whose buffers have at least `standardByteCount` bytes.
    init(standardByteCount: Int) { self.standardByteCount = max(64, standardByteCount) }

    deinit {
        free.withLock { free in
            for buffer in free.buffers { buffer.deallocate() }
            free.buffers = []
        }
    }

    /// A buffer of at least `byteCount` bytes with any content.
    func take(_ byteCount: Int) -> PooledBuffer {
        let buffer = free.withLock { free -> Recycled? in
            free.buffers.popLast().map { Recycled(buffer: $0) }
        }
        if let buffer {
            if buffer.buffer.count >= byteCount {
                return PooledBuffer(bytes: buffer.buffer, pool: self)
            }
            buffer.buffer.deallocate()
        }
        let size = max(byteCount, standardByteCount)
        return PooledBuffer(
            bytes: .allocate(byteCount: size, alignment: 64),
            pool: self
        )
    }

    fileprivate func give(_ buffer: Recycled) {
        free.withLock { $0.buffers.append(buffer.buffer) }
    }

    fileprivate struct Recycled: @unchecked Sendable {
        // Moves from one owner to the next and is never held by two.
        let buffer: UnsafeMutableRawBufferPointer
    }
}

/// A buffer that goes back to its pool when nobody holds it any more.
///
/// `@unchecked` because the memory is mutable; whoever takes the buffer fills it before handing it
/// on, and from then on it is only read.
final class PooledBuffer: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    private let pool: BufferPool

    init(bytes: UnsafeMutableRawBufferPointer, pool: BufferPool) {
        self.bytes = bytes
        self.pool = pool
    }

    deinit { pool.give(BufferPool.Recycled(buffer: bytes)) }
}
