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
