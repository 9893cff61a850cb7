internal import CDeflate
internal import HDF5
internal import Synchronization

/// Undoes the filters of a chunk off the HDF5 library's thread.
///
/// Knows deflate, shuffle, fletcher32 and lzf; datasets with others are read by the library.
final class ChunkFilters: Sendable {
    /// One filter.
    enum Step: Equatable, Sendable {
        case deflate
        case shuffle(width: Int)
        case fletcher32
        case lzf
    }

    /// The filters in the order applied when writing.
    let steps: [Step]
    /// Bytes of a chunk without filters.
    let byteCount: Int
    private let pool: BufferPool
    private let decompressors = Mutex<[Decompressor]>([])

    /// Nil when one of `filters` is not among those known.
    init?(_ filters: [HDF5Dataset.Filter], elementBytes: Int, byteCount: Int) {
        var steps: [Step] = []
        for filter in filters {
            switch filter.id {
            case 1: steps.append(.deflate)
            case 2:
                steps.append(.shuffle(width: filter.parameters.first.map(Int.init) ?? elementBytes))
            case 3: steps.append(.fletcher32)
            case 32_000: steps.append(.lzf)
            default: return nil
            }
        }
        self.steps = steps
        self.byteCount = byteCount
        pool = BufferPool(standardByteCount: byteCount + 64)
    }

    /// Undoes the filters of one chunk.
    ///
    /// - Parameters:
    ///   - stored: The chunk as it lies in the file; its first `count` bytes.
    ///   - count: Stored bytes.
    ///   - mask: Filters left out for this chunk, one bit each.
    /// - Returns: A buffer whose first ``byteCount`` bytes are the elements.
    /// - Throws: ``ChunkDamage`` saying what is wrong.
    func decode(
        _ stored: PooledBuffer,
        count: Int,
        mask: UInt32
    ) throws(ChunkDamage) -> PooledBuffer {
        var buffer = stored
        var count = count
        for (index, step) in steps.enumerated().reversed() {
            if index < 32, mask & (1 << UInt32(index)) != 0 { continue }
            let bytes = UnsafeRawBufferPointer(buffer.bytes)[..<count]
            let source = UnsafeRawBufferPointer(rebasing: bytes)
            switch step {
            case .fletcher32:
                guard count >= 4 else { throw .tooShort }
                let body = UnsafeRawBufferPointer(rebasing: source[..<(count - 4)])
                let expected = source.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
                guard Fletcher32.checksum(body) == UInt32(littleEndian: expected) else {
                    throw .wrongChecksum
                }
                count -= 4
            case .deflate:
                let target = pool.take(byteCount + 64)
                count = try inflate(source, into: target.bytes)
                buffer = target
            case .lzf:
                let target = pool.take(byteCount + 64)
                guard let written = LZF.decompress(source, into: target.bytes) else {
                    throw .badStream("lzf")
                }
                count = written
                buffer = target
            case .shuffle(let width):
                let target = pool.take(count)
                Shuffle.undo(source, width: width, into: target.bytes)
                buffer = target
            }
        }
        guard count == byteCount else { throw .wrongSize(found: count, needed: byteCount) }
        return buffer
    }

    private func inflate(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) throws(ChunkDamage) -> Int {
        let decompressor = decompressors.withLock { $0.popLast() } ?? Decompressor()
        defer { decompressors.withLock { $0.append(decompressor) } }
        guard let count = decompressor.inflate(source, into: target) else {
            throw .badStream("gzip")
        }
        return count
    }
}

/// Why a chunk cannot be decoded.
enum ChunkDamage: Error, Equatable, CustomStringConvertible {
    case tooShort
    case wrongChecksum
    case badStream(String)
    case wrongSize(found: Int, needed: Int)

    var description: String {
        switch self {
        case .tooShort: "it is too short"
        case .wrongChecksum: "its fletcher32 checksum is wrong"
        case .badStream(let name): "its \(name) data are damaged"
        case .wrongSize(let found, let needed): "it has \(found) bytes, need \(needed)"
        }
    }
}

/// One of libdeflate's decompressors.
///
/// `@unchecked` because a decompressor may be used by one thread at a time; the list it is taken
/// from and given back to sees to that.
private final class Decompressor: @unchecked Sendable {
    private let handle = libdeflate_alloc_decompressor()

    deinit { libdeflate_free_decompressor(handle) }

    func inflate(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) -> Int? {
        guard let handle else { return nil }
        var written = 0
        let status = libdeflate_zlib_decompress(
            handle,
            source.baseAddress,
            source.count,
            target.baseAddress,
            target.count,
            &written
        )
        return status == LIBDEFLATE_SUCCESS ? written : nil
    }
}
