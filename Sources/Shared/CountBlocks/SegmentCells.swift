/// The cells of a segment as compressed sparse rows; borrowed from ``DecodedSegment``.
package struct SegmentCells {
    /// File row of each cell, strictly ascending; shape `[cellCount]`.
    package let rows: UnsafeBufferPointer<UInt32>

    /// Where each cell's nonzeros begin, and the end of the last; shape `[cellCount + 1]`.
    package let starts: UnsafeBufferPointer<Int>

    /// Gene of each nonzero, strictly ascending within a cell; shape `[nonzeroCount]`.
    package let genes: UnsafeBufferPointer<UInt32>

    /// Count of each nonzero, at least 1; shape `[nonzeroCount]`.
    package let counts: UnsafeBufferPointer<UInt32>

    /// Number of cells.
    package var cellCount: Int { rows.count }

    /// Genes of one cell.
    package func genes(ofCell cell: Int) -> UnsafeBufferPointer<UInt32> {
        UnsafeBufferPointer(rebasing: genes[starts[cell]..<starts[cell + 1]])
    }

    /// Counts of one cell.
    package func counts(ofCell cell: Int) -> UnsafeBufferPointer<UInt32> {
        UnsafeBufferPointer(rebasing: counts[starts[cell]..<starts[cell + 1]])
    }
}
