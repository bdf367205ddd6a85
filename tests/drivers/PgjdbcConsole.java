// pgjdbc at the gate's console: what it sends by itself, and what applications and pools do with it.

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

final class PgjdbcConsole {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  interface Work {
    Object done() throws SQLException;
  }

  private static void step(String name, Work work) {
    String value;
    try {
      value = String.valueOf(work.done());
    } catch (SQLException error) {
      value = error.getSQLState();
    }
    OUT.println(name + ": " + value);
  }

  private static String first(ResultSet rows, int column) throws SQLException {
    return rows.next() ? rows.getString(column) : "no row";
  }

  public static void main(String[] given) throws SQLException {
    for (String mode : new String[] {"extended", "simple", "extendedForPrepared", "extendedCacheEverything"}) {
      var said = new Properties();
      said.setProperty("user", given[1]);
      said.setProperty("password", given[2]);
      said.setProperty("preferQueryMode", mode);
      said.setProperty("ApplicationName", "jdbc");
      try (Connection db = DriverManager.getConnection(given[0], said)) {
        talk(mode, db);
      }
    }
  }

  private static void talk(String mode, Connection db) throws SQLException {
    try (Statement all = db.createStatement()) {
      step(mode + " version", () -> first(all.executeQuery("SHOW VERSION"), 1));
      step(mode + " is valid", () -> db.isValid(5));
      step(mode + " prepared, eight times", () -> {
        try (PreparedStatement some = db.prepareStatement("SHOW CLIENTS")) {
          int rows = 0;
          for (int time = 0; time < 8; time++) {
            try (ResultSet found = some.executeQuery()) {
              while (found.next()) {
                if (found.getTimestamp("connect_time") != null && "ada".equals(found.getString("user"))) rows++;
              }
            }
          }
          return rows;
        }
      });
      step(mode + " tables", () -> first(db.getMetaData().getTables(null, null, "%", null), 3));
      step(mode + " goes on", () -> first(all.executeQuery("SHOW POLICY"), 1));
      db.setAutoCommit(false);
      all.setFetchSize(2);
      step(mode + " in portions", () -> {
        int rows = 0;
        try (ResultSet found = all.executeQuery("SHOW HELP")) {
          while (found.next()) rows++;
        }
        return rows;
      });
      step(mode + " freeze in a transaction", () -> all.execute("FREEZE 'jdbc'"));
      step(mode + " after that", () -> first(all.executeQuery("SHOW VERSION"), 1));
      db.rollback();
      db.setAutoCommit(true);
      step(mode + " freeze", () -> all.execute("FREEZE 'jdbc' UNTIL '1h' DATABASE nobodys"));
      step(mode + " freezes", () -> {
        try (ResultSet found = all.executeQuery("SHOW FREEZE")) {
          return found.next() ? found.getString("reason") : "none";
        }
      });
      step(mode + " thaw", () -> all.execute("THAW DATABASE nobodys"));
      step(mode + " read only", () -> {
        db.setReadOnly(true);
        return first(all.executeQuery("SHOW VERSION"), 1);
      });
    }
  }
}
