package import CountBlocks

/// A screen's counts, regrouped by label, and which groups are control and which are tested.
package struct ScreenCounts: Sendable {
    /// Blocks of all labelled cells, one group per label in order of first appearance in the file.
    package let blocks: BlockStore
    /// Number of genes.
    package let geneCount: Int
    /// The group of each cell of the file, -1 for cells without a label; shape `[file cells]`.
    package let groupOfCell: [Int32]
    /// The control's group.
    package let controlGroup: Int
    /// Groups in the order of a sum over all cells: control first, then as they first appear.
    package let summationOrder: [Int]

    /// Names the parts of a screen.
    package init(blocks: BlockStore, geneCount: Int, groupOfCell: [Int32], controlGroup: Int) {
        self.blocks = blocks
        self.geneCount = geneCount
        self.groupOfCell = groupOfCell
        self.controlGroup = controlGroup
        summationOrder =
            [controlGroup] + (0..<blocks.groupCount).filter { $0 != controlGroup }
    }

    /// File rows of all cells with a label, ascending.
    package var labelledCells: [Int] { groupOfCell.indices.filter { groupOfCell[$0] >= 0 } }

    /// File rows of the control cells, ascending.
    var controlCells: [Int] { groupOfCell.indices.filter { groupOfCell[$0] == controlGroup } }

    /// Every segment of some groups, in the order given.
    func segments(of groups: [Int]) -> [(group: Int, index: Int)] {
        groups.flatMap { group in
            (0..<blocks.segmentCount(group)).map { (group, $0) }
        }
    }
}
