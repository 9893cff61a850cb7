package import Digests

/// What is known about one block without reading it.
package struct BlockSummary: Equatable, Sendable {
    /// Cells of the block.
    package let cellCount: Int

    /// Nonzeros of all cells.
    package let nonzeroCount: Int

    /// Segments of the block; 0 when it has no cells.
    package let segmentCount: Int

    /// Bytes of all segments together.
    package let byteCount: Int

    /// XXH3-128 over the digests of the segments in order.
    package let digest: Digest128
}

/// What is known about one segment of a block without reading it.
package struct SegmentSummary: Equatable, Sendable {
    /// Cells of the segment.
    package let cellCount: Int

    /// Nonzeros of all cells.
    package let nonzeroCount: Int

    /// Bytes of the segment.
    package let byteCount: Int

    /// Digest of the segment.
    package let digest: Digest128
}
