package import Digests

#if _endian(big)
#error("segments are little-endian and are copied to and from memory as they are")
#endif

/// The first 48 bytes of a segment.
///
/// A segment is the stored and sent form of up to 1024 consecutive cells of one block. All numbers
/// are little-endian:
///
/// | offset | bytes | content |
/// |---|---|---|
/// | 0 | 8 | the text `CXSEGMNT` |
/// | 8 | 2 | format version, 1 |
/// | 10 | 2 | kind of values, see ``Kind`` |
/// | 12 | 4 | genes of the screen |
/// | 16 | 4 | cells |
/// | 20 | 4 | nonzeros |
/// | 24 | 8 | bytes of the payload |
/// | 32 | 16 | digest in its byte form |
/// | 48 | 4 x cells | file row of each cell, strictly ascending |
/// | | 4 x cells | nonzeros of each cell |
/// | | | payload: the cells one after the other |
///
/// The digest is XXH3-128 over the first 32 bytes, the file rows, the nonzeros of the cells, and
/// the XXH3-128 digest of the payload, in this order. Payload is digested apart because it is
/// written to disk before the numbers in front of it are known.
package struct SegmentHeader: Equatable, Sendable {
    /// The kind of values that a segment holds.
    package enum Kind: UInt16, Sendable {
        /// Integer counts of at least 1, coded as ``CellEncoder`` does.
        case integerCounts = 1

        /// Expression values of type `Float`, coded as ``CellEncoder`` does.
        case float32Values = 2

        /// Expression values of type `Double`, coded as ``CellEncoder`` does.
        case float64Values = 3

        /// Bytes of one value; nil for counts, which have no fixed size.
        package var valueByteCount: Int? {
            switch self {
            case .integerCounts: nil
            case .float32Values: 4
            case .float64Values: 8
            }
        }

        /// What the values are, for error texts.
        package var words: String {
            switch self {
            case .integerCounts: "counts"
            case .float32Values: "single-precision values"
            case .float64Values: "double-precision values"
            }
        }
    }

    /// Bytes of a header.
    package static let byteCount = 48

    /// The format version that this build writes and the only one that it reads.
    package static let version: UInt16 = 1

    static let magic: [UInt8] = Array("CXSEGMNT".utf8)

    /// Bytes at the start that the digest covers; the digest itself follows.
    static let digestedByteCount = 32

    /// The kind of values.
    package let kind: Kind

    /// Genes of the screen.
    package let geneCount: Int

    /// Cells in the segment, 1 to ``SegmentLimits/cellCount``.
    package let cellCount: Int

    /// Nonzeros of all cells.
    package let nonzeroCount: Int

    /// Bytes of the payload.
    package let payloadByteCount: Int

    /// The digest of the segment.
    package internal(set) var digest: Digest128

    /// Bytes of the whole segment, this header included.
    package var segmentByteCount: Int {
        payloadOffset + payloadByteCount
    }

    /// Offset of the payload in the segment.
    var payloadOffset: Int {
        Self.byteCount + 8 * cellCount
    }

    init(kind: Kind, geneCount: Int, cellCount: Int, nonzeroCount: Int, payloadByteCount: Int) {
        self.kind = kind
        self.geneCount = geneCount
        self.cellCount = cellCount
        self.nonzeroCount = nonzeroCount
        self.payloadByteCount = payloadByteCount
        digest = Digest128(high: 0, low: 0)
    }

    /// Reads and checks the header at the start of `bytes`; what follows it need not be there yet.
    ///
    /// All sizes of an accepted header are possible for a screen with `geneCount` genes, so a
    /// reader may allocate by them. The digest is not checked.
    ///
    /// - Parameters:
    ///   - bytes: What begins with a header.
    ///   - geneCount: Genes of the screen.
    ///   - expectedKind: The kind of values that the segment must have.
    /// - Throws: `CountBlockError` when there are too few bytes or they are no such header.
    package init(
        parsing bytes: UnsafeRawBufferPointer,
        geneCount: Int,
        kind expectedKind: Kind = .integerCounts
    ) throws(CountBlockError) {
        guard bytes.count >= Self.byteCount else {
            throw .truncated(neededBytes: Self.byteCount, foundBytes: bytes.count)
        }
        guard bytes[..<8].elementsEqual(Self.magic) else { throw .notASegment }
        let version = UInt16(Self.number(UInt16.self, at: 8, in: bytes))
        guard version == Self.version else { throw .unsupportedVersion(version) }
        let kindNumber = UInt16(Self.number(UInt16.self, at: 10, in: bytes))
        guard let kind = Kind(rawValue: kindNumber) else { throw .unsupportedKind(kindNumber) }
        guard kind == expectedKind else {
            throw .kindMismatch(expected: expectedKind, found: kind)
        }
        let genes = Self.number(UInt32.self, at: 12, in: bytes)
        try Self.check(.genes, genes, 1...SegmentLimits.geneCount)
        guard Int(genes) == geneCount else {
            throw .geneCountMismatch(expected: geneCount, found: Int(genes))
        }
        let cells = Self.number(UInt32.self, at: 16, in: bytes)
        try Self.check(.cells, cells, 1...SegmentLimits.cellCount)
        let cellCount = Int(cells)
        let nonzeros = Self.number(UInt32.self, at: 20, in: bytes)
        let mostNonzeros = min(
            cellCount * geneCount,
            SegmentLimits.maximumNonzeroCount(geneCount: geneCount)
        )
        try Self.check(.nonzeros, nonzeros, 0...mostNonzeros)
        let nonzeroCount = Int(nonzeros)
        let payloadBytes = Self.number(UInt64.self, at: 24, in: bytes)
        let mostBytes = CellCoding.maximumByteCount(
            kind: kind,
            cellCount: cellCount,
            nonzeroCount: nonzeroCount,
            geneCount: geneCount
        )
        try Self.check(
            .payloadBytes,
            payloadBytes,
            CellCoding.nibbleByteCount(nonzeroCount: nonzeroCount)...mostBytes
        )
        self.init(
            kind: kind,
            geneCount: geneCount,
            cellCount: cellCount,
            nonzeroCount: nonzeroCount,
            payloadByteCount: Int(payloadBytes),
            digestBytes: UnsafeRawBufferPointer(rebasing: bytes[32..<48])
        )
    }

    private init(
        kind: Kind,
        geneCount: Int,
        cellCount: Int,
        nonzeroCount: Int,
        payloadByteCount: Int,
        digestBytes: UnsafeRawBufferPointer
    ) {
        self.kind = kind
        self.geneCount = geneCount
        self.cellCount = cellCount
        self.nonzeroCount = nonzeroCount
        self.payloadByteCount = payloadByteCount
        digest = Digest128(bytes: digestBytes) ?? Digest128(high: 0, low: 0)
    }

    /// Appends the 48 bytes of the header to `output`.
    func append(to output: inout [UInt8]) {
        appendDigestedPart(to: &output)
        output.append(contentsOf: digest.bytes)
    }

    /// Appends the bytes that the digest covers to `output`.
    func appendDigestedPart(to output: inout [UInt8]) {
        output.append(contentsOf: Self.magic)
        Self.append(UInt64(Self.version), byteCount: 2, to: &output)
        Self.append(UInt64(kind.rawValue), byteCount: 2, to: &output)
        Self.append(UInt64(geneCount), byteCount: 4, to: &output)
        Self.append(UInt64(cellCount), byteCount: 4, to: &output)
        Self.append(UInt64(nonzeroCount), byteCount: 4, to: &output)
        Self.append(UInt64(payloadByteCount), byteCount: 8, to: &output)
    }

    private static func append(_ value: UInt64, byteCount: Int, to output: inout [UInt8]) {
        for i in 0..<byteCount {
            output.append(UInt8(truncatingIfNeeded: value >> (8 * i)))
        }
    }

    private static func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _: Number.Type,
        at offset: Int,
        in bytes: UnsafeRawBufferPointer
    ) -> UInt64 {
        UInt64(Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self)))
    }

    private static func check(
        _ field: CountBlockError.SizeField,
        _ value: UInt64,
        _ allowed: ClosedRange<Int>
    ) throws(CountBlockError) {
        guard value >= UInt64(allowed.lowerBound), value <= UInt64(allowed.upperBound) else {
            throw .impossibleSize(field: field, value: value, allowed: allowed)
        }
    }
}
