package import Digests

/// Splits the bytes of a block into its segments and decodes them one by one.
///
/// What a worker does with the bytes it was sent: everything is checked, also that file rows
/// ascend from one segment to the next and, when it is known, that the segments are those of the
/// announced block.
package struct BlockSegments: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    private let geneCount: Int
    private let kind: SegmentHeader.Kind
    private let expectedDigest: Digest128?
    private let digester = Digester()
    private var position = 0
    private var lastRow: UInt32?
    private var isVerified = false

    /// Starts at a block's first segment.
    ///
    /// - Parameters:
    ///   - bytes: The whole block; must stay valid while this value is used. May be empty.
    ///   - geneCount: Genes of the screen.
    ///   - kind: Kind of values that the block must have.
    ///   - digest: The announced digest of the block, see ``BlockSummary/digest``.
    package init(
        bytes: UnsafeRawBufferPointer,
        geneCount: Int,
        kind: SegmentHeader.Kind = .integerCounts,
        digest: Digest128? = nil
    ) {
        self.bytes = bytes
        self.geneCount = geneCount
        self.kind = kind
        expectedDigest = digest
    }

    /// Decodes the next segment into `segment`; false when there was none left.
    ///
    /// The block's digest is checked when its end is reached: only a `false` says that the block
    /// is complete.
    ///
    /// - Throws: `CountBlockError` saying what is wrong. It is thrown again by later calls.
    package mutating func next(
        into segment: inout DecodedSegment
    ) throws(CountBlockError) -> Bool {
        guard position < bytes.count else {
            try verifyEnd()
            return false
        }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
        let header = try SegmentHeader(parsing: rest, geneCount: geneCount, kind: kind)
        guard rest.count >= header.segmentByteCount else {
            throw .truncated(neededBytes: header.segmentByteCount, foundBytes: rest.count)
        }
        try segment.decode(
            bytes: UnsafeRawBufferPointer(rebasing: rest[..<header.segmentByteCount]),
            geneCount: geneCount,
            kind: kind
        )
        let (firstRow, lastRow) = (segment.firstRow, segment.lastRow)
        if let firstRow, let previous = self.lastRow, firstRow <= previous {
            throw .rowsNotAscending(cell: 0)
        }
        self.lastRow = lastRow
        digester.update(header.digest)
        position += header.segmentByteCount
        return true
    }

    private mutating func verifyEnd() throws(CountBlockError) {
        guard let expectedDigest, !isVerified else { return }
        let digest = digester.finish()
        guard digest == expectedDigest else {
            throw .blockDigestMismatch(expected: expectedDigest, found: digest)
        }
        isVerified = true
    }
}

extension DecodedSegment {
    /// Decodes all segments of a block.
    ///
    /// - Parameters:
    ///   - bytes: The whole block.
    ///   - geneCount: Genes of the screen.
    ///   - kind: Kind of values that the block must have.
    ///   - digest: The announced digest of the block.
    /// - Returns: The segments in order.
    /// - Throws: `CountBlockError` when the bytes are not the announced block.
    package static func all(
        of bytes: [UInt8],
        geneCount: Int,
        kind: SegmentHeader.Kind,
        digest: Digest128
    ) throws(CountBlockError) -> [DecodedSegment] {
        try bytes.withRawBytes { bytes throws(CountBlockError) in
            var segments: [DecodedSegment] = []
            var iterator = BlockSegments(
                bytes: bytes,
                geneCount: geneCount,
                kind: kind,
                digest: digest
            )
            var segment = DecodedSegment()
            while try iterator.next(into: &segment) {
                segments.append(segment)
                segment = DecodedSegment()
            }
            return segments
        }
    }
}
