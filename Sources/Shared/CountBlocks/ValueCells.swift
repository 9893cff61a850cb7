/// The cells of a segment of expression values as compressed sparse rows; borrowed from
/// ``DecodedSegment``.
package struct ValueCells<Value: ExpressionValue> {
    /// File row of each cell, strictly ascending; shape `[cellCount]`.
    package let rows: UnsafeBufferPointer<UInt32>

    /// Where each cell's nonzeros begin, and the end of the last; shape `[cellCount + 1]`.
    package let starts: UnsafeBufferPointer<Int>

    /// Gene of each nonzero, strictly ascending within a cell; shape `[nonzeroCount]`.
    package let genes: UnsafeBufferPointer<UInt32>

    /// Value of each nonzero, finite and not zero, negative or positive; shape `[nonzeroCount]`.
    package let values: UnsafeBufferPointer<Value>

    /// Number of cells.
    package var cellCount: Int { rows.count }

    /// Genes of one cell.
    package func genes(ofCell cell: Int) -> UnsafeBufferPointer<UInt32> {
        UnsafeBufferPointer(rebasing: genes[starts[cell]..<starts[cell + 1]])
    }

    /// Values of one cell.
    package func values(ofCell cell: Int) -> UnsafeBufferPointer<Value> {
        UnsafeBufferPointer(rebasing: values[starts[cell]..<starts[cell + 1]])
    }
}
